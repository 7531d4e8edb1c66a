//! A figure of ours, that of somebody else, and how good ours must be.

use std::time::Duration;

/// One line.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// Ours.
    pub ours: Figure,
    /// Somebody else's, and whose.
    pub peer: Option<(Figure, String)>,
    /// What ours is to be.
    pub must: String,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// A time.
    Time(Duration),
    /// So many in a second, or of each.
    Rate(f64),
    /// A number of things.
    Count(u64),
    /// Memory, in bytes.
    Bytes(u64),
}

impl Figure {
    /// A time in seconds.
    #[must_use]
    pub fn seconds(seconds: f64) -> Self {
        Self::Time(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    fn number(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Rate(rate) => rate,
            Self::Count(count) | Self::Bytes(count) => count as f64,
        }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Time(time) if *time < Duration::from_secs(1) => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
            Self::Time(time) => format!("{:.2} s", time.as_secs_f64()),
            Self::Count(count) => count.to_string(),
            Self::Rate(rate) if *rate < 10.0 => format!("{rate:.2}"),
            Self::Rate(rate) => format!("{rate:.0}"),
            Self::Bytes(bytes) if *bytes < 1_000_000 => format!("{:.1} kB", *bytes as f64 / 1e3),
            Self::Bytes(bytes) => format!("{:.1} MB", *bytes as f64 / 1e6),
        };
        f.pad(&text)
    }
}

/// The heading, as wide as the lines.
#[must_use]
pub fn heading() -> String {
    format!("{:64} {:>10} {:>10} {:>6}  {:10} {}", "", "ours", "theirs", "ratio", "whose", "must be")
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (theirs, ratio, whose) = match &self.peer {
            None => (String::new(), String::new(), ""),
            Some((peer, whose)) => {
                (peer.to_string(), format!("{:.2}", self.ours.number() / peer.number()), whose.as_str())
            }
        };
        let line =
            format!("{:64} {:>10} {theirs:>10} {ratio:>6}  {whose:10} {}", self.what, self.ours.to_string(), self.must);
        f.write_str(line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_how_we_compare() {
        let (ours, theirs) = (Figure::Time(Duration::from_millis(20)), Figure::seconds(0.1));
        let row = Row { what: "x".into(), ours, peer: Some((theirs, "OVN".into())), must: "25 ms".into() };
        let words: Vec<String> = row.to_string().split_whitespace().map(str::to_owned).collect();
        assert_eq!(words.join(" "), "x 20.0 ms 100.0 ms 0.20 OVN 25 ms");
        assert_eq!(Figure::seconds(1.5).to_string(), "1.50 s");
        assert_eq!(Figure::Bytes(1_500_000).to_string(), "1.5 MB");
    }
}
