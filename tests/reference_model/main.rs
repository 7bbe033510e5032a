//! `decide` against a model of it that was written from the design alone.
//!
//! The model is plain and slow, and shares no code with `policy`: it reads names, claims, grants
//! and rules itself. Rules are trees of its own that are written down for the gateway and evaluated
//! here. Ten thousand made-up cases run each time, a million with `make test-long`.
#![allow(unreachable_pub, reason = "the modules of one test program")]

mod grants;
mod model;
mod names;
mod random;
mod rules;
mod world;

use std::net::{IpAddr, Ipv4Addr};

use gatepost::clock::UnixSeconds;
use gatepost::policy::{
    ChannelName, ConnectionFacts, Denial, Grants, Patterns, Permission, Permissions, Policy,
    Subject, SubscriptionGrant, UserId,
};

use model::{Answer, Verdict};
use random::Random;
use world::{Case, World};

const CASES_IN_A_WORLD: u64 = 200;

#[test]
fn chan_4_ten_thousand_cases_are_decided_as_the_design_says() {
    compare(0..50);
}

#[test]
#[ignore = "takes minutes: make test-long"]
fn chan_4_a_million_cases_are_decided_as_the_design_says() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || compare((50..5_050).filter(move |n| n % threads == thread)));
        }
    });
}

/// The worlds of these numbers, and in each the cases that go with it.
fn compare(worlds: impl Iterator<Item = u64>) {
    let mut seen = Seen::default();
    for number in worlds {
        let mut random = Random::new(number);
        let world = World::any(&mut random);
        let policy = match Policy::compile(world.source()) {
            Ok(compiled) => compiled.policy,
            Err(faults) => panic!("world {number}: {faults:?}"),
        };
        let patterns = Patterns::default();
        for _ in 0..CASES_IN_A_WORLD {
            let case = Case::any(&mut random, &world);
            let expected = model::decide(&world, &case);
            let found = ask(&policy, &patterns, &case);
            assert_eq!(found, expected, "world {number}\n{case:#?}\n{world:#?}");
            seen.count(&expected);
        }
    }
    seen.check();
}

/// What the gateway decides, in the words of the model.
fn ask(policy: &Policy, patterns: &Patterns, case: &Case) -> Answer {
    let Ok(channel) = ChannelName::parse(&case.channel) else {
        return Answer::BadName;
    };
    let Ok(grants) = Grants::of(&case.claims, patterns) else {
        return Answer::RefusedAtTheDoor;
    };
    let Ok(claims) = policy.declared_claims().apply(case.claims.clone()) else {
        return Answer::RefusedAtTheDoor;
    };
    let user = UserId::parse(&case.user).expect("the users of the tests are users");
    let subscription = case.subscription.as_ref().map(|token| {
        let allow = Permissions::of_claim(&token.allow.clone().into());
        SubscriptionGrant::new(
            UserId::parse(&token.user).expect("a user"),
            ChannelName::parse(&token.channel).expect("a name"),
            allow.expect("words that there are"),
        )
    });
    let connection = ConnectionFacts {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        origin: case.origin.clone(),
        protocol: "json",
    };
    let subject = Subject {
        user: &user,
        claims: &claims,
        grants: grants.as_ref(),
        subscription: subscription.as_ref(),
        connection: &connection,
        now: UnixSeconds(case.now),
    };
    let permission = Permission::parse(case.permission).expect("a permission");
    let decision = policy.decide(&subject, &channel, permission);
    let verdict = match decision.denial() {
        None => Verdict::Allowed,
        Some(Denial::UnknownChannel) => Verdict::Code(102),
        Some(Denial::NotAvailable) => Verdict::Code(108),
        Some(Denial::Denied) => Verdict::Code(103),
    };
    assert_eq!(decision.is_allowed(), verdict == Verdict::Allowed);
    Answer::Decided {
        verdict,
        step: decision.step().to_string(),
        by: decision.rule().map(str::to_owned),
    }
}

/// How often each answer came: what never comes is not compared.
#[derive(Default)]
struct Seen(std::collections::BTreeMap<String, usize>);

impl Seen {
    fn count(&mut self, answer: &Answer) {
        let by = match answer {
            Answer::Decided { verdict, step, by } => {
                let by = by.as_deref().unwrap_or("nothing");
                let by = by.split(['[', '.']).next().unwrap_or_default();
                format!("{verdict:?} {step} {by}")
            }
            other => format!("{other:?}"),
        };
        *self.0.entry(by).or_default() += 1;
    }

    fn check(&self) {
        for wanted in [
            "BadName",
            "RefusedAtTheDoor",
            "Code(102) name nothing",
            "Code(108) name nothing",
            "Code(103) private nothing",
            "Code(103) deny room",
            "Code(103) deny personal",
            "Allowed grants token",
            "Allowed grants subscription_token",
            "Allowed implied token",
            "Allowed implied subscription_token",
            "Allowed implied room",
            "Allowed implied nothing",
            "Allowed rule room",
            "Allowed rule personal",
            "Code(103) rule room",
            "Code(103) rule personal",
            "Code(103) rule nothing",
        ] {
            let times = self.0.get(wanted).copied().unwrap_or(0);
            assert!(times >= 10, "{wanted} came {times} times: {:#?}", self.0);
        }
    }
}
