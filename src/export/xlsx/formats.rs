//! How cells look: the header, and number formats by type.

use rust_xlsxwriter::{Color, Format, FormatBorder};

/// What a column's type asks of its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    TimestampTz,
}

/// A number format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    General,
    Integer,
    /// Digits behind the point.
    Decimal(u8),
    Date,
    Time {
        millis: bool,
    },
    Timestamp {
        zone: bool,
        millis: bool,
    },
    Duration {
        millis: bool,
    },
}

/// Digits behind the point that a number format has at most.
pub(super) const MAX_SCALE: u8 = 15;

pub(super) struct Formats {
    pub(super) header: Format,
    general: Format,
    integer: Format,
    /// By digits behind the point.
    decimals: Vec<Format>,
    date: Format,
    time: [Format; 2],
    timestamp: [Format; 2],
    timestamp_tz: [Format; 2],
    duration: [Format; 2],
}

impl Kind {
    pub(super) fn of(type_name: &str) -> Kind {
        if type_name == "TIMESTAMP WITH TIME ZONE" { Kind::TimestampTz } else { Kind::Plain }
    }
}

impl Formats {
    pub(super) fn new() -> Formats {
        let code = |code: &str| Format::new().set_num_format(code);
        let decimals = (0..=usize::from(MAX_SCALE)).map(|scale| match scale {
            0 => code("0"),
            _ => code(&format!("0.{}", "0".repeat(scale))),
        });
        let header = Format::new()
            .set_bold()
            .set_background_color(Color::RGB(0x00DD_E7F0))
            .set_border_bottom(FormatBorder::Thin);
        Formats {
            header,
            general: Format::new(),
            integer: code("0"),
            decimals: decimals.collect(),
            date: code("yyyy-mm-dd"),
            time: [code("hh:mm:ss"), code("hh:mm:ss.000")],
            timestamp: [code("yyyy-mm-dd hh:mm:ss"), code("yyyy-mm-dd hh:mm:ss.000")],
            timestamp_tz: [code("yyyy-mm-dd hh:mm:ss\"Z\""), code("yyyy-mm-dd hh:mm:ss.000\"Z\"")],
            duration: [code("[h]:mm:ss"), code("[h]:mm:ss.000")],
        }
    }

    pub(super) fn of(&self, style: Style) -> &Format {
        fn pick([whole, millis]: &[Format; 2], with_millis: bool) -> &Format {
            if with_millis { millis } else { whole }
        }
        match style {
            Style::General => &self.general,
            Style::Integer => &self.integer,
            Style::Decimal(scale) => self.decimals.get(usize::from(scale)).unwrap_or(&self.general),
            Style::Date => &self.date,
            Style::Time { millis } => pick(&self.time, millis),
            Style::Timestamp { zone: false, millis } => pick(&self.timestamp, millis),
            Style::Timestamp { zone: true, millis } => pick(&self.timestamp_tz, millis),
            Style::Duration { millis } => pick(&self.duration, millis),
        }
    }
}
