use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Invalid;

/// The longest affinity, in seconds: a year.
const LONGEST: u32 = 365 * 86_400;

/// That a client keeps its backend, written like `3h`, `90s`, `30m` or `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Affinity {
    /// For how long after its last new connection, in seconds.
    pub timeout: u32,
}

impl Affinity {
    /// Checks the time.
    ///
    /// # Errors
    /// When it is none, or longer than a year.
    pub fn validate(self) -> Result<(), Invalid> {
        match (1..=LONGEST).contains(&self.timeout) {
            true => Ok(()),
            false => Err(Invalid::new("affinity", format!("{} s is not within 1 to {LONGEST} s", self.timeout))),
        }
    }
}

impl FromStr for Affinity {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("affinity", format!("{text:?} is no time like 90s, 30m, 3h or 7d"));
        let unit = text.chars().last().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            '0'..='9' => 1,
            _ => return Err(wrong()),
        };
        let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
        if text.len() > number.len() + 1 {
            return Err(wrong());
        }
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let affinity = Self { timeout: number.checked_mul(seconds).ok_or_else(wrong)? };
        affinity.validate()?;
        Ok(affinity)
    }
}

impl fmt::Display for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
        let unit = units.into_iter().find(|(seconds, _)| self.timeout.is_multiple_of(*seconds)).unwrap_or((1, 's'));
        write!(f, "{}{}", self.timeout / unit.0, unit.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_people_write_it() {
        for (text, timeout, shown) in
            [("90s", 90, "90s"), ("3h", 10_800, "3h"), ("7d", 604_800, "7d"), ("60", 60, "1m")]
        {
            let affinity: Affinity = text.parse().unwrap();
            assert_eq!((affinity.timeout, affinity.to_string().as_str()), (timeout, shown));
        }
        for bad in ["", "h", "0s", "-1s", "3hh", "3 h", "366d", "99999999d", "1w", "3é"] {
            assert!(bad.parse::<Affinity>().is_err(), "{bad}");
        }
    }
}
