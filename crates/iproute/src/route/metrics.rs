//! The metrics of a route: the words that set them, and how they show.

use rtnl::attr::Attr;
use rtnl::attr::Builder;
use rtnl::object::route::*;
use rtnl::sink::Sink;
use rtnl::table::Tb;
use rtnl::words::{Matching, Stop, Words, matches, number};

/// How a metric's value is typed.
#[derive(Clone, Copy)]
enum Value {
    /// A number up to this.
    Number(u32),
    /// A time; without a unit the number is the metric's own, else it counts this many parts of a millisecond.
    Time(u32),
    /// A time that is always locked.
    LockedTime,
    /// 0 or 1.
    Switch,
    /// `ecn`.
    Features,
    /// A name.
    Name,
}

/// A metric: the word and how it matches, its number, what a complaint calls it, and its value.
struct Metric {
    word: &'static str,
    matching: Matching,
    number: u16,
    complaint: &'static str,
    value: Value,
}

const fn metric(word: &'static str, matching: Matching, number: u16, value: Value) -> Metric {
    Metric { word, matching, number, complaint: word, value }
}

const ANY: Value = Value::Number(u32::MAX);

/// The metrics in the order in which their words are tried.
static METRICS: &[Metric] = &[
    metric("mtu", Matching::Whole, RTAX_MTU, ANY),
    metric("hoplimit", Matching::Whole, RTAX_HOPLIMIT, Value::Number(255)),
    Metric { word: "advmss", matching: Matching::Whole, number: RTAX_ADVMSS, complaint: "mss", value: ANY },
    metric("reordering", Matching::Prefix, RTAX_REORDERING, ANY),
    metric("rtt", Matching::Whole, RTAX_RTT, Value::Time(8)),
    metric("rto_min", Matching::Whole, RTAX_RTO_MIN, Value::LockedTime),
    metric("window", Matching::Prefix, RTAX_WINDOW, ANY),
    metric("cwnd", Matching::Prefix, RTAX_CWND, ANY),
    metric("initcwnd", Matching::Prefix, RTAX_INITCWND, ANY),
    metric("initrwnd", Matching::Prefix, RTAX_INITRWND, ANY),
    metric("features", Matching::Prefix, RTAX_FEATURES, Value::Features),
    metric("quickack", Matching::Prefix, RTAX_QUICKACK, Value::Switch),
    metric("congctl", Matching::Prefix, RTAX_CC_ALGO, Value::Name),
    metric("rttvar", Matching::Prefix, RTAX_RTTVAR, Value::Time(4)),
    metric("ssthresh", Matching::Prefix, RTAX_SSTHRESH, ANY),
];

/// The one whose word is tried behind all others of a route.
static LAST: Metric = metric("fastopen_no_cookie", Matching::Prefix, RTAX_FASTOPEN_NO_COOKIE, Value::Switch);

/// The metrics that were read, as attributes, and which of them are locked.
#[derive(Default)]
pub(super) struct Metrics {
    out: Builder,
    locked: u32,
}

impl Metrics {
    /// Reads a metric if the word is one; says whether it was.
    pub(super) fn word(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, Stop> {
        let found = METRICS.iter().find(|metric| match metric.matching {
            Matching::Prefix => matches(word, metric.word),
            Matching::Whole => word == metric.word,
        });
        found.map_or(Ok(false), |metric| self.read(metric, words).map(|()| true))
    }

    /// The same for the metric whose word comes last.
    pub(super) fn last_word(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, Stop> {
        if !matches(word, LAST.word) {
            return Ok(false);
        }
        self.read(&LAST, words).map(|()| true)
    }

    fn read(&mut self, metric: &Metric, words: &mut Words<'_>) -> Result<(), Stop> {
        let mut text = words.value()?;
        let lockable = matches!(metric.value, Value::Number(_) | Value::Time(_) | Value::Name);
        if lockable && text == "lock" {
            self.locked |= 1 << metric.number;
            text = words.value()?;
        }
        let name = metric.complaint;
        let invalid = || Stop::invalid(&format!("\"{name}\" value is invalid\n"), text);
        let any = || number(text, 0, u64::from(u32::MAX)).map(|value| value as u32).ok_or_else(invalid);
        let value = match metric.value {
            Value::Number(most) => Some(any()?).filter(|value| *value <= most).ok_or_else(invalid)?,
            Value::Time(parts) => match time(text).ok_or_else(invalid)? {
                (value, true) => value,
                (value, false) => value.wrapping_mul(parts),
            },
            Value::LockedTime => {
                self.locked |= 1 << metric.number;
                time(text).ok_or_else(invalid)?.0
            }
            Value::Switch => match any()? {
                value @ (0 | 1) => value,
                _ => return Err(Stop::invalid(&format!("\"{name}\" value should be 0 or 1\n"), text)),
            },
            Value::Features if text == "ecn" => RTAX_FEATURE_ECN,
            Value::Features => return Err(Stop::invalid("\"features\" value not valid\n", text)),
            Value::Name => {
                self.out.put(metric.number, text.as_bytes());
                return Ok(());
            }
        };
        self.out.u32(metric.number, value);
        Ok(())
    }

    /// Writes `RTA_METRICS`, if there are any.
    pub(super) fn write(mut self, out: &mut Builder) {
        if self.out.bytes.is_empty() {
            return;
        }
        if self.locked != 0 {
            self.out.u32(RTAX_LOCK, self.locked);
        }
        out.put(RTA_METRICS, &self.out.bytes);
    }
}

/// A time in milliseconds, rounded up, and whether it had no unit.
fn time(text: &str) -> Option<(u32, bool)> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'x' | 'X'));
    let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let unit_at = match unit_at {
        Some(_) if hexadecimal => text.find(['s', 'S', 'm', 'M']),
        at => at,
    };
    let (digits, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let value = if text.contains('.') {
        digits.parse::<f64>().ok().filter(|value| *value >= 0.0 && value.is_finite())?
    } else {
        number(digits, 0, u64::MAX)? as f64
    };
    let scale = match unit.to_ascii_lowercase().as_str() {
        "" | "ms" | "msec" | "msecs" => 1.0,
        "s" | "sec" | "secs" => 1000.0,
        _ => return None,
    };
    Some(((value * scale).ceil() as u32, unit.is_empty()))
}

/// Names by number.
const NAMES: [&str; 18] = [
    "",
    "",
    "mtu",
    "window",
    "rtt",
    "rttvar",
    "ssthresh",
    "cwnd",
    "advmss",
    "reordering",
    "hoplimit",
    "initcwnd",
    "features",
    "rto_min",
    "initrwnd",
    "quickack",
    "congctl",
    "fastopen_no_cookie",
];

/// Shows what is in `RTA_METRICS`.
pub(super) fn show(sink: &mut Sink, attr: &Attr<'_>) {
    let tb = Tb::read(attr.attrs());
    let locked = tb.u32(RTAX_LOCK).unwrap_or(0);
    sink.open_array("metrics", "");
    sink.open_object("");
    for (number, name) in (0_u16..).zip(NAMES).skip(2) {
        let lock = locked & (1 << number) != 0;
        if !tb.has(number) && !lock {
            continue;
        }
        let value = tb.u32(number).filter(|_| number != RTAX_CC_ALGO).unwrap_or(0);
        if number == RTAX_HOPLIMIT && value == u32::MAX {
            continue;
        }
        sink.text(name);
        sink.text(if lock { " lock " } else { " " });
        match number {
            RTAX_FEATURES => show_features(sink, value),
            RTAX_RTT => show_time(sink, name, value / 8),
            RTAX_RTTVAR => show_time(sink, name, value / 4),
            RTAX_RTO_MIN => show_time(sink, name, value),
            RTAX_CC_ALGO => {
                let text = tb.get(number).map(|attr| attr.text().into_owned()).unwrap_or_default();
                sink.string("congestion", "", &text, " ");
            }
            _ => sink.uint(name, "", u64::from(value), " "),
        }
    }
    sink.close_object();
    sink.close_array("");
}

fn show_features(sink: &mut Sink, features: u32) {
    if features & RTAX_FEATURE_ECN != 0 {
        sink.null("ecn", "ecn ");
    }
    if features & !RTAX_FEATURE_ECN != 0 {
        sink.hex0x("features", "", u64::from(features), " ");
    }
}

fn show_time(sink: &mut Sink, name: &str, milliseconds: u32) {
    if sink.json() || milliseconds < 1000 {
        sink.uint(name, "", u64::from(milliseconds), "ms ");
    } else {
        sink.text(&format!("{}s ", six_digits(f64::from(milliseconds) / 1e3)));
    }
}

/// A number of at least 1 with six digits, as C's `%g` has it.
fn six_digits(value: f64) -> String {
    let exponent = value.log10().floor() as i32;
    if value >= 999_999.5 {
        let digits = format!("{:.5}", value / 10_f64.powi(exponent));
        return format!("{}e+{exponent:02}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let decimals = usize::try_from(5 - exponent).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(time("100"), Some((100, true)));
        assert_eq!(time("0x10ms"), Some((16, false)));
        assert_eq!(time("1.5s"), Some((1500, false)));
        assert_eq!(time("1.2ms"), Some((2, false)));
        assert_eq!(time("1min"), None);
        assert_eq!(time("s"), None);
        assert_eq!(time(""), None);
    }

    #[test]
    fn six_digits_are_shown() {
        assert_eq!(six_digits(1.5), "1.5");
        assert_eq!(six_digits(1234.567), "1234.57");
        assert_eq!(six_digits(100.0), "100");
        assert_eq!(six_digits(536_870.911), "536871");
        assert_eq!(six_digits(4_294_967.295), "4.29497e+06");
    }
}
