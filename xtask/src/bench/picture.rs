//! The picture of a record: bars per engine, throughput against rules and chunks, attacks, and targets with what was measured. All
//! that is needed to judge it stands on it: machine, commit, units. Scales begin at zero, but for the one that says so.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::prelude::{
    DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, TextStyle, WHITE};

use super::claims::Claim;
use super::measure::Measured;
use super::record::Record;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 1280;
/// All but the rows of targets.
const HEIGHT: u32 = 910;
/// A row of targets.
const ROW: u32 = 20;
const MARGIN: i32 = 36;

const INK: RGBColor = RGBColor(0x22, 0x26, 0x2b);
const SOFT: RGBColor = RGBColor(0x6b, 0x72, 0x7b);
const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xea);
const GOOD: RGBColor = RGBColor(0x0b, 0x7a, 0x4b);
const BAD: RGBColor = RGBColor(0xc0, 0x39, 0x2b);

/// Engines and their colours; ours in blue and green, peers in warm and grey.
const ENGINES: [(&str, RGBColor); 7] = [
    ("native", RGBColor(0x1b, 0x5e, 0xa8)),
    ("native, 16-byte vectors", RGBColor(0x7c, 0xae, 0xdd)),
    ("wasmtime", RGBColor(0x0b, 0x8a, 0x5f)),
    ("V8", RGBColor(0x66, 0xc2, 0xa0)),
    ("Vectorscan", RGBColor(0xd9, 0x6b, 0x2b)),
    ("aho-corasick + regex", RGBColor(0xb8, 0x9a, 0x6a)),
    ("RegexSet", RGBColor(0x97, 0x9c, 0xa3)),
];

/// Definitions with bars, and what they are called here.
const BARS: [(&str, &str); 4] = [
    ("strict-sparse", "sparse: a value per 10 KiB"),
    ("strict-dense", "dense: a value per 200 bytes"),
    ("strict-clean", "clean: nothing planted"),
    ("strict-real-logs", "real logs"),
];

/// Draws it.
pub(super) fn draw(record: &Record, name: &str, path: &Path) -> Result<()> {
    let claims = record.claims_and_envoy();
    let rows = u32::try_from(claims.len().div_ceil(2)).context("so many targets")?;
    let sheet = Sheet {
        area: SVGBackend::new(path, (WIDTH, HEIGHT + rows * ROW)).into_drawing_area(),
    };
    sheet.area.fill(&WHITE).map_err(failed)?;
    let below = sheet.head(record, name)?;
    let below = sheet.bars(record, below + 14)?;
    let top = below + 26;
    sheet.curve(
        record,
        "Throughput against rules, sparse (MB/s, logarithmic)",
        Scale::Logarithmic,
        &[
            ("rules-0010-sparse", "10"),
            ("rules-0100-sparse", "100"),
            ("rules-0300-sparse", "300"),
            ("rules-1000-sparse", "1,000 rules"),
        ],
        (MARGIN, top),
    )?;
    sheet.curve(
        record,
        "Throughput against the size of chunks, sparse (MB/s)",
        Scale::Linear,
        &[
            ("strict-sparse-1k", "1 KiB"),
            ("strict-sparse-16k", "16 KiB"),
            ("strict-sparse", "64 KiB"),
            ("strict-sparse-1m", "1 MiB"),
        ],
        (MARGIN + 420, top),
    )?;
    sheet.attacks(record, (MARGIN + 840, top))?;
    sheet.claims(record, &claims, top + 300)?;
    sheet.area.present().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw the picture: {error}")
}

struct Sheet<'a> {
    area: Area<'a>,
}

impl Sheet<'_> {
    /// Title, machine, legend. Answers where they end.
    fn head(&self, record: &Record, name: &str) -> Result<i32> {
        let machine = |field: &str| record.machine.get(field).map_or("?", String::as_str);
        self.text(name, (MARGIN, 30), 24, INK, HPos::Left)?;
        let quick = if record.quick {
            "  ·  QUICK RUN: a look, not a record"
        } else {
            ""
        };
        let rules = record.of("strict-sparse").next().map_or(0, |one| one.rules);
        self.text(
            &format!("Redaction with the policy strict ({rules} rules), chunks of 64 KiB, one thread: MB of input a second, medians{quick}"),
            (MARGIN, 62),
            15,
            INK,
            HPos::Left,
        )?;
        self.text(
            &format!(
                "{}, {} cores, {}  ·  commit {}  ·  {}  ·  {}  ·  node {}",
                machine("processor"),
                machine("cores"),
                machine("vector instructions"),
                machine("commit"),
                machine("date"),
                machine("rustc").split(" (").next().unwrap_or("?"),
                machine("node"),
            ),
            (MARGIN, 84),
            12,
            SOFT,
            HPos::Left,
        )?;
        let mut x = MARGIN;
        for (engine, colour) in ENGINES {
            self.rectangle((x, 102), (x + 12, 114), colour)?;
            self.text(engine, (x + 17, 108), 13, INK, HPos::Left)?;
            x += 17 + 7 * engine.len() as i32 + 24;
        }
        self.text(
            "peers search only; ours validate and rewrite too",
            (WIDTH as i32 - MARGIN, 108),
            12,
            SOFT,
            HPos::Right,
        )?;
        Ok(122)
    }

    /// Four panels of bars on one scale.
    fn bars(&self, record: &Record, top: i32) -> Result<i32> {
        let most = BARS
            .iter()
            .flat_map(|(definition, _)| record.of(definition))
            .map(|one| one.mb_s.most)
            .fold(1.0, f64::max);
        let (width, row) = ((WIDTH as i32 - 2 * MARGIN - 36) / 2, 22);
        let height = 28 + row * ENGINES.len() as i32;
        for (number, (definition, title)) in BARS.iter().enumerate() {
            let x = MARGIN + (number as i32 % 2) * (width + 36);
            let y = top + (number as i32 / 2) * (height + 18);
            self.text(title, (x, y + 8), 15, INK, HPos::Left)?;
            if record.of(definition).next().is_none() {
                self.text("not measured", (x + 12, y + 40), 13, SOFT, HPos::Left)?;
                continue;
            }
            // Room for figure and name behind the longest bar.
            let scale = f64::from(width - 210) / most;
            for (place, (engine, colour)) in ENGINES.iter().enumerate() {
                let y = y + 24 + place as i32 * row;
                let Some(one) = record.of(definition).find(|one| one.engine == *engine) else {
                    self.text("absent", (x + 4, y + 8), 12, SOFT, HPos::Left)?;
                    continue;
                };
                let at = |rate: f64| x + (rate * scale).round() as i32;
                self.rectangle((x, y), (at(one.mb_s.median).max(x + 1), y + 16), *colour)?;
                // From the slowest to the fastest repetition.
                self.line(
                    &[(at(one.mb_s.least), y + 8), (at(one.mb_s.most), y + 8)],
                    INK,
                )?;
                let figure = rate(one.mb_s.median);
                let end = at(one.mb_s.most.max(one.mb_s.median)) + 6;
                self.text(&figure, (end, y + 8), 13, INK, HPos::Left)?;
                let end = end + 8 * figure.len() as i32 + 6;
                self.text(engine, (end, y + 8), 12, SOFT, HPos::Left)?;
            }
            self.line(
                &[(x, y + 22), (x, y + 22 + row * ENGINES.len() as i32)],
                SOFT,
            )?;
        }
        Ok(top + 2 * height + 18)
    }

    /// A line for each engine over some definitions.
    fn curve(
        &self,
        record: &Record,
        title: &str,
        scale: Scale,
        steps: &[(&str, &str)],
        at: (i32, i32),
    ) -> Result<()> {
        let (x, y) = at;
        self.text(title, (x, y), 14, INK, HPos::Left)?;
        let most = steps
            .iter()
            .flat_map(|(definition, _)| record.of(definition))
            .filter(|one| in_curves(&one.engine))
            .map(|one| one.mb_s.median)
            .fold(0.0, f64::max);
        if most == 0.0 {
            return self.text("not measured", (x + 12, y + 40), 13, SOFT, HPos::Left);
        }
        let (left, right, up, down) = (x + 44, x + 352, y + 20, y + 230);
        let rates = || {
            steps
                .iter()
                .flat_map(|(definition, _)| record.of(definition))
                .filter(|one| in_curves(&one.engine))
                .map(|one| one.mb_s.median)
        };
        let ticks = scale.ticks(rates().fold(f64::MAX, f64::min), most);
        let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
        let height = |value: f64| {
            let share = match scale {
                Scale::Linear => value / high,
                Scale::Logarithmic => (value / low).ln() / (high / low).ln(),
            };
            down - (share * f64::from(down - up)).round() as i32
        };
        for tick in ticks {
            self.line(&[(left, height(tick)), (right, height(tick))], GRID)?;
            self.text(&rate(tick), (left - 6, height(tick)), 12, SOFT, HPos::Right)?;
        }
        let column = |number: usize| {
            left + 16 + (number as i32) * (right - left - 32) / (steps.len() as i32 - 1)
        };
        for (number, (_, label)) in steps.iter().enumerate() {
            self.text(label, (column(number), down + 14), 12, SOFT, HPos::Center)?;
        }
        for (engine, colour) in ENGINES {
            if !in_curves(engine) {
                continue;
            }
            let points: Vec<(i32, i32)> = steps
                .iter()
                .enumerate()
                .filter_map(|(number, (definition, _))| {
                    let one = record.of(definition).find(|one| one.engine == engine)?;
                    Some((column(number), height(one.mb_s.median)))
                })
                .collect();
            // A point alone says nothing about growth.
            if points.len() < 2 {
                continue;
            }
            self.thick(&points, colour)?;
            for (x, y) in points {
                self.rectangle((x - 3, y - 3), (x + 4, y + 4), colour)?;
            }
        }
        Ok(())
    }

    /// Attacks as shares of the sparse speed, slowest first, with the line that they must reach.
    fn attacks(&self, record: &Record, at: (i32, i32)) -> Result<()> {
        const SHOWN: usize = 10;
        let (x, y) = at;
        self.text(
            "Attacks, wasmtime: share of the sparse speed",
            (x, y),
            14,
            INK,
            HPos::Left,
        )?;
        let wasmtime = |one: &&Measured| one.engine == "wasmtime";
        let Some(sparse) = record.of("strict-sparse").find(wasmtime) else {
            return self.text("not measured", (x + 12, y + 40), 13, SOFT, HPos::Left);
        };
        let mut all: Vec<(&str, f64)> = record
            .results
            .iter()
            .filter(wasmtime)
            .filter_map(|one| {
                let name = one.definition.strip_prefix("attack-")?;
                Some((name, one.mb_s.median / sparse.mb_s.median))
            })
            .collect();
        all.sort_by(|a, b| a.1.total_cmp(&b.1));
        all.truncate(SHOWN);
        if all.is_empty() {
            return self.text("not measured", (x + 12, y + 40), 13, SOFT, HPos::Left);
        }
        let (left, right) = (x + 128, x + 340);
        let most = all.iter().map(|(_, share)| *share).fold(1.0, f64::max);
        let place = |share: f64| left + (share / most * f64::from(right - left)).round() as i32;
        for (number, (name, share)) in all.iter().enumerate() {
            let y = y + 22 + number as i32 * 21;
            let colour = if *share < 0.1 { BAD } else { ENGINES[2].1 };
            self.text(
                &name.replace('-', " "),
                (left - 6, y + 7),
                12,
                INK,
                HPos::Right,
            )?;
            self.rectangle((left, y), (place(*share).max(left + 1), y + 14), colour)?;
            self.text(
                &format!("{share:.2}"),
                (place(*share) + 5, y + 7),
                12,
                INK,
                HPos::Left,
            )?;
        }
        let bottom = y + 22 + all.len() as i32 * 21;
        self.line(&[(place(0.1), y + 18), (place(0.1), bottom)], BAD)?;
        self.text(
            &format!("red: the least, 0.1; the {} slowest", all.len()),
            (left, bottom + 10),
            12,
            SOFT,
            HPos::Left,
        )
    }

    /// Targets in two columns, and how it was measured.
    fn claims(&self, record: &Record, claims: &[Claim], top: i32) -> Result<()> {
        self.text("Targets", (MARGIN, top), 16, INK, HPos::Left)?;
        let half = claims.len().div_ceil(2);
        let width = (WIDTH as i32 - 2 * MARGIN) / 2;
        for (number, claim) in claims.iter().enumerate() {
            let x = MARGIN + (number / half) as i32 * width;
            let y = top + 26 + (number % half) as i32 * ROW as i32;
            let (mark, colour) = match claim.met() {
                Some(true) => ("met", GOOD),
                Some(false) => ("missed", BAD),
                None => ("?", SOFT),
            };
            self.text(mark, (x, y), 13, colour, HPos::Left)?;
            self.text(&value(claim), (x + 128, y), 13, INK, HPos::Right)?;
            self.text(
                &format!("{} ({})", claim.title, bound(claim)),
                (x + 138, y),
                13,
                INK,
                HPos::Left,
            )?;
        }
        let y = top + 40 + half as i32 * ROW as i32;
        let absent: Vec<&str> = record.absent.keys().map(String::as_str).collect();
        let absent = if absent.is_empty() {
            String::new()
        } else {
            format!("  ·  absent: {}", absent.join(", "))
        };
        self.text(
            &format!(
                "Bars are medians, the line in a bar goes from the slowest to the fastest repetition; repetitions of all engines in turn. Results \
                 checked against definitions. `{}`{absent}  ·  method and bias: benches/README.md",
                record.repeat
            ),
            (MARGIN, y),
            12,
            SOFT,
            HPos::Left,
        )
    }

    fn text(
        &self,
        text: &str,
        at: (i32, i32),
        size: i32,
        colour: RGBColor,
        side: HPos,
    ) -> Result<()> {
        let style = TextStyle::from(("sans-serif", size).into_font())
            .color(&colour)
            .pos(Pos::new(side, VPos::Center));
        self.area
            .draw(&Text::new(text.to_owned(), at, style))
            .map_err(failed)
    }

    fn rectangle(&self, from: (i32, i32), to: (i32, i32), colour: RGBColor) -> Result<()> {
        self.area
            .draw(&Rectangle::new([from, to], colour.filled()))
            .map_err(failed)
    }

    fn line(&self, points: &[(i32, i32)], colour: RGBColor) -> Result<()> {
        self.area
            .draw(&PathElement::new(points.to_vec(), colour))
            .map_err(failed)
    }

    fn thick(&self, points: &[(i32, i32)], colour: RGBColor) -> Result<()> {
        self.area
            .draw(&PathElement::new(points.to_vec(), colour.stroke_width(2)))
            .map_err(failed)
    }
}

/// How rates become heights.
#[derive(Debug, Clone, Copy)]
enum Scale {
    /// From zero.
    Linear,
    /// Equal ratios are equal heights: for what spans several powers of ten.
    Logarithmic,
}

impl Scale {
    /// Round values from below the least to above the most; at least two.
    fn ticks(self, least: f64, most: f64) -> Vec<f64> {
        match self {
            Self::Linear => {
                let step = round_step(most);
                (0..=(most / step).ceil() as u32)
                    .map(|number| f64::from(number) * step)
                    .collect()
            }
            Self::Logarithmic => {
                let all: Vec<f64> = (-2..6)
                    .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
                    .collect();
                let first = all.iter().rposition(|tick| *tick <= least).unwrap_or(0);
                let last = all.iter().position(|tick| *tick >= most);
                let last = last.unwrap_or(all.len() - 1).max(first + 1);
                all[first..=last.min(all.len() - 1)].to_vec()
            }
        }
    }
}

/// Whether an engine has a line; one that is too slow, or one that is there for a ratio alone, has none.
fn in_curves(engine: &str) -> bool {
    engine != "RegexSet" && engine != "native, 16-byte vectors"
}

/// A rate with as many digits as it deserves.
fn rate(mb_s: f64) -> String {
    match mb_s {
        small if small > 0.0 && small < 10.0 => format!("{small:.1}"),
        large if large >= 1000.0 => {
            let whole = large.round() as u64;
            format!("{},{:03}", whole / 1000, whole % 1000)
        }
        other => format!("{other:.0}"),
    }
}

fn value(claim: &Claim) -> String {
    claim.value.map_or_else(
        || "-".to_owned(),
        |value| format!("{value:.2} {}", claim.unit),
    )
}

fn bound(claim: &Claim) -> String {
    let word = if claim.at_least { "≥" } else { "≤" };
    format!("{word} {}", claim.target)
}

/// A round step that gives about five lines.
fn round_step(most: f64) -> f64 {
    let raw = most / 5.0;
    let power = 10_f64.powf(raw.log10().floor());
    let factor = match raw / power {
        low if low <= 1.0 => 1.0,
        low if low <= 2.0 => 2.0,
        low if low <= 5.0 => 5.0,
        _ => 10.0,
    };
    power * factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_read_them() {
        assert_eq!(rate(1.34), "1.3");
        assert_eq!(rate(0.0), "0");
        assert_eq!(rate(162.4), "162");
        assert_eq!(rate(1249.7), "1,250");
        assert_eq!(round_step(47.0), 10.0);
        assert_eq!(
            Scale::Linear.ticks(3.0, 25.0),
            [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
        );
        assert_eq!(Scale::Logarithmic.ticks(7.6, 42.0), [5.0, 10.0, 20.0, 50.0]);
        assert_eq!(Scale::Logarithmic.ticks(20.0, 20.0), [20.0, 50.0]);
        assert_eq!(round_step(1300.0), 500.0);
    }
}
