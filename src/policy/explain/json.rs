//! An explanation for machines. The names are stable.

use serde_json::{Map, Value, json};

use super::{ExplainedStep, Explanation, ShownPart};

impl Explanation {
    /// `decision`, `decided_by`, `reason`, `steps` and `otherwise`.
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(ExplainedStep::to_json).collect();
        json!({
            "decision": self.decision.word(),
            "decided_by": self.decision.decided_by(),
            "reason": self.decision.reason().to_string(),
            "user": self.user,
            "channel": self.channel.as_str(),
            "permission": self.permission.as_str(),
            "steps": steps,
            "otherwise": self.otherwise,
        })
    }
}

impl ExplainedStep {
    fn to_json(&self) -> Value {
        let mut step = Map::new();
        step.insert("step".to_owned(), self.step.as_str().into());
        step.insert("result".to_owned(), self.result.into());
        if let Some(rule) = &self.rule {
            step.insert("rule".to_owned(), (*rule.name).into());
            if let Some(place) = &rule.place {
                let (line, column) = place.position(&rule.text, 0);
                let file = place.file().display().to_string();
                step.insert("file".to_owned(), file.into());
                step.insert("line".to_owned(), line.into());
                step.insert("column".to_owned(), column.into());
            }
            let values: Vec<Value> = rule.parts().map(|part| part.to_json()).collect();
            step.insert("values".to_owned(), values.into());
        }
        step.insert("note".to_owned(), self.reason.to_string().into());
        Value::Object(step)
    }
}

impl ShownPart<'_> {
    fn to_json(&self) -> Value {
        let mut part = Map::new();
        part.insert("text".to_owned(), self.text.as_str().into());
        if let Some((line, column)) = self.position {
            part.insert("line".to_owned(), line.into());
            part.insert("column".to_owned(), column.into());
        }
        match self.value {
            Ok(value) => part.insert("value".to_owned(), value.clone()),
            Err(error) => part.insert("error".to_owned(), error.as_str().into()),
        };
        part.insert("asked".to_owned(), self.asked.into());
        Value::Object(part)
    }
}
