//! From when until when a certificate is good (RFC 5280 section 4.1.2.5).

use crate::credential::{BadCredential, certificate};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Fields before the validity: serial number, signature algorithm, issuer.
const BEFORE: usize = 3;

/// From when until when a certificate is good, in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub from: i64,
    /// The last second.
    pub until: i64,
}

impl Validity {
    /// That of the certificate in a PEM text.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn of_pem(pem: &str) -> Result<Self, BadCredential> {
        let unreadable = || BadCredential { what: "certificate".into(), reason: "its times cannot be read".into() };
        Self::of(&certificate(pem)?).ok_or_else(unreadable)
    }

    /// That of a certificate (DER).
    fn of(certificate: &[u8]) -> Option<Self> {
        let (whole, _) = expect(SEQUENCE, certificate)?;
        let (mut fields, _) = expect(SEQUENCE, whole)?;
        if let Some((_, rest)) = expect(VERSION, fields) {
            fields = rest;
        }
        for _ in 0..BEFORE {
            fields = element(fields)?.2;
        }
        let (validity, _) = expect(SEQUENCE, fields)?;
        let (tag, from, rest) = element(validity)?;
        let from = time(tag, from)?;
        let (tag, until, _) = element(rest)?;
        Some(Self { from, until: time(tag, until)? })
    }

    /// Whether another one should take its place: two thirds are over, or it has not begun, for it was made by a clock that
    /// was wrong.
    pub fn is_due(&self, now: i64) -> bool {
        now < self.from || now.saturating_sub(self.from) >= self.until.saturating_sub(self.from) / 3 * 2
    }

    /// Whether it is over.
    pub fn has_ended(&self, now: i64) -> bool {
        now > self.until
    }
}

/// Content of the first element, which has this tag, and what follows it.
fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(is, ..)| *is == tag).map(|(_, content, rest)| (content, rest))
}

/// Tag and content of the first element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from 2050 on.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let (year, at) = match (tag, text.len()) {
        (UTC_TIME, 12) => (number(0, 2).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
        (GENERALIZED_TIME, 14) => (number(0, 4)?, 4),
        _ => return None,
    };
    let two = |nth: usize| number(at + 2 * nth, at + 2 * nth + 2);
    let (month, day, hour, minute, second) = (two(0)?, two(1)?, two(2)?, two(3)?, two(4)?);
    ((1..=12).contains(&month)).then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days from 1970 to a date of the Gregorian calendar. Years begin in March here: leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        assert_eq!(time(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, b"000229120000Z"), Some(951_825_600));
        assert_eq!(time(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(GENERALIZED_TIME, b"21000101000000Z"), Some(4_102_444_800));
        for bad in [&b""[..], b"Z", b"700101000000", b"70010100000xZ", b"701301000000Z", b"19700101000000Z", b"\xff"] {
            assert_eq!(time(UTC_TIME, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_cut_short_or_nonsense_has_no_times() {
        let validity =
            [&[SEQUENCE, 30][..], &[UTC_TIME, 13], b"250101000000Z", &[UTC_TIME, 13], b"260101000000Z"].concat();
        let fields = [&[VERSION, 1, 2, 2, 1, 7, SEQUENCE, 0, SEQUENCE, 0][..], &validity].concat();
        let inner = [&[SEQUENCE, fields.len() as u8][..], &fields].concat();
        let whole = [&[SEQUENCE, inner.len() as u8][..], &inner].concat();
        let found = Validity::of(&whole).unwrap();
        assert_eq!(found.until - found.from, 365 * 86_400);
        assert!(!found.is_due(found.from + 243 * 86_400) && found.is_due(found.from + 244 * 86_400));
        assert!(found.is_due(found.from - 1) && !found.has_ended(found.until) && found.has_ended(found.until + 1));
        for end in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..end]), None);
        }
        assert_eq!(Validity::of(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
