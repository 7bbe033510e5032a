//! Drawing: small multiples of horizontal bars, in colours that can be read on white and on black.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::spread::number;

/// One figure of several servers.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) subtitle: String,
    pub(super) bars: Vec<Bar>,
    /// Where the floor is, when it is no bar.
    pub(super) floor: Option<f64>,
    /// Where the goal of the first bar is.
    pub(super) goal: Option<f64>,
}

/// One server: the median of its rounds, and the smallest and the largest.
pub(super) struct Bar {
    pub(super) name: String,
    /// Whether it stands out.
    pub(super) ours: bool,
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const TEXT: RGBColor = RGBColor(118, 131, 144);
const OURS: RGBColor = RGBColor(47, 129, 247);
const OTHERS: RGBColor = RGBColor(139, 148, 158);
const LEGEND: [&str; 2] = [
    "Bar: median of the rounds. Thin line: smallest to largest.",
    "Less is better. Grey line: the floor. Blue mark: the goal.",
];
const FONT: &str = "sans-serif";

/// Widths and heights, in pixels.
const WIDTH: i32 = 420;
const HEADING: i32 = 40;
const HEAD: i32 = 44;
const ROW: i32 = 20;
const BAR: i32 = 12;
const GAP: i32 = 18;
const FOOT: i32 = 66;
/// Where bars begin and end: names are before, values behind.
const LEFT: i32 = 96;
const RIGHT: i32 = WIDTH - 64;
/// What a value takes.
const VALUE: i32 = 46;

/// When the largest value is so many times the smallest, the scale is logarithmic.
const DECADES: f64 = 20.0;

/// Draws panels two in a row, under one title and above a caption.
pub(super) fn draw(title: &str, caption: &str, panels: &[Panel]) -> Result<String> {
    let columns = panels.len().min(2);
    let rows = panels
        .chunks(2)
        .map(|row| row.iter().map(Panel::height).max().unwrap_or(0));
    let tops: Vec<i32> = rows
        .scan(HEADING, |next, height| {
            let top = *next;
            *next += height + GAP;
            Some(top)
        })
        .collect();
    let last = panels
        .chunks(2)
        .last()
        .into_iter()
        .flatten()
        .map(Panel::height)
        .max();
    let height = tops.last().copied().unwrap_or(HEADING) + last.unwrap_or(0) + FOOT;
    let width = WIDTH * i32::try_from(columns)?;

    let mut svg = String::new();
    let size = (u32::try_from(width)?, u32::try_from(height)?);
    let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    bold(&area, title, (14, 18), 15)?;
    let foot = LEGEND.into_iter().chain([caption]);
    for (line, words) in (0..).zip(foot) {
        write(
            &area,
            words,
            (14, height - FOOT + 18 + 18 * line),
            TEXT,
            HPos::Left,
        )?;
    }
    for (index, panel) in panels.iter().enumerate() {
        let at = (WIDTH * i32::try_from(index % 2)?, tops[index / 2]);
        panel.draw(&area, at)?;
    }
    finish(area)?;
    Ok(svg)
}

fn finish(area: Area<'_>) -> Result<()> {
    area.present().map_err(failed)
}

impl Panel {
    fn height(&self) -> i32 {
        HEAD + ROW * i32::try_from(self.bars.len()).unwrap_or(0)
    }

    fn draw(&self, area: &Area<'_>, (x, y): (i32, i32)) -> Result<()> {
        let scale = self.scale();
        let at = |value: f64| x + LEFT + scale.at(value);
        let (top, bottom) = (y + HEAD, y + self.height());
        let log = if scale.is_logarithmic() {
            ", logarithmic"
        } else {
            ""
        };
        bold(area, self.title, (x + 14, y + 10), 14)?;
        write(
            area,
            &format!("{}{log}", self.subtitle),
            (x + 14, y + 28),
            TEXT,
            HPos::Left,
        )?;

        if let Some(floor) = self.floor {
            let line = [(at(floor), top - 2), (at(floor), bottom)];
            path(area, line.to_vec(), TEXT.mix(0.6).stroke_width(1))?;
        }
        for (index, bar) in self.bars.iter().enumerate() {
            let middle = top + ROW * i32::try_from(index)? + ROW / 2;
            let goal = self.goal.filter(|_| bar.ours);
            bar.draw(area, x, middle, goal, at)?;
        }
        Ok(())
    }

    fn scale(&self) -> Scale {
        let marks = || self.floor.into_iter().chain(self.goal);
        let largest = self
            .bars
            .iter()
            .map(|bar| bar.high)
            .chain(marks())
            .fold(0.0, f64::max);
        let lows = self.bars.iter().map(|bar| bar.low).chain(marks());
        let smallest = lows
            .filter(|value| *value > 0.0)
            .fold(f64::INFINITY, f64::min);
        if smallest.is_finite() && largest / smallest > DECADES {
            Scale::Logarithmic {
                from: smallest / 2.0,
                to: largest,
            }
        } else {
            Scale::Linear { to: largest }
        }
    }
}

impl Bar {
    fn draw(
        &self,
        area: &Area<'_>,
        x: i32,
        middle: i32,
        goal: Option<f64>,
        at: impl Fn(f64) -> i32,
    ) -> Result<()> {
        let (colour, words) = if self.ours {
            (OURS, OURS)
        } else {
            (OTHERS, TEXT)
        };
        write(area, &self.name, (x + LEFT - 8, middle), words, HPos::Right)?;
        let corners = [
            (x + LEFT, middle - BAR / 2),
            (at(self.value), middle + BAR / 2),
        ];
        area.draw(&Rectangle::new(corners, colour.mix(0.8).filled()))
            .map_err(failed)?;
        if self.high > self.low {
            let line = [(at(self.low), middle), (at(self.high), middle)];
            path(area, line.to_vec(), TEXT.stroke_width(1))?;
        }
        if let Some(goal) = goal {
            let line = [(at(goal), middle - ROW / 2), (at(goal), middle + ROW / 2)];
            path(area, line.to_vec(), OURS.stroke_width(2))?;
        }
        // Behind the bar, or behind the mark where that would stand in the way.
        let end = at(self.high.max(self.value));
        let mark = goal
            .map(at)
            .filter(|mark| (end..end + VALUE).contains(mark));
        let beside = mark.unwrap_or(end) + 6;
        write(
            area,
            &number(self.value),
            (beside, middle),
            words,
            HPos::Left,
        )
    }
}

/// From values to pixels beside the left end.
enum Scale {
    Linear { to: f64 },
    Logarithmic { from: f64, to: f64 },
}

impl Scale {
    fn is_logarithmic(&self) -> bool {
        matches!(self, Scale::Logarithmic { .. })
    }

    fn at(&self, value: f64) -> i32 {
        let share = match *self {
            Scale::Linear { to } if to > 0.0 => value.max(0.0) / to,
            Scale::Linear { .. } => 0.0,
            Scale::Logarithmic { from, to } => (value.max(from) / from).ln() / (to / from).ln(),
        };
        (share * f64::from(RIGHT - LEFT)).round() as i32
    }
}

fn path(area: &Area<'_>, points: Vec<(i32, i32)>, style: ShapeStyle) -> Result<()> {
    area.draw(&PathElement::new(points, style)).map_err(failed)
}

fn bold(area: &Area<'_>, text: &str, at: (i32, i32), size: u32) -> Result<()> {
    let font = (FONT, size).into_font().style(FontStyle::Bold).color(&TEXT);
    place(
        area,
        text,
        at,
        &font.pos(Pos::new(HPos::Left, VPos::Center)),
    )
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), colour: RGBColor, side: HPos) -> Result<()> {
    let font = (FONT, 13).into_font().color(&colour);
    place(area, text, at, &font.pos(Pos::new(side, VPos::Center)))
}

fn place(area: &Area<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> Result<()> {
    area.draw_text(text, style, at).map_err(failed)
}

/// Drawing into a string does not fail; plotters' error is none that can be sent on.
fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the chart cannot be drawn: {error}")
}
