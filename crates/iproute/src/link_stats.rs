//! The counters of a link: a table with columns aligned to the right, or objects.
//!
//! Columns grow with what stands in them, both directions and the errors alike. With `-h` they keep the width of
//! their heads, and numbers from 1000 (1024) on are cut to three digits or so, with a suffix.

use rtnl::attr::Attr;
use rtnl::object::link::{IFLA_CARRIER_CHANGES, IFLA_STATS, IFLA_STATS64};
use rtnl::sink::Sink;
use rtnl::table::Tb;

/// How many counters `struct rtnl_link_stats64` has.
const COUNTERS: usize = 25;
/// How many columns the table can have.
const COLUMNS: usize = 8;

/// The places of the counters in both of the kernel's structures; the older one lacks the last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counter {
    RxPackets,
    TxPackets,
    RxBytes,
    TxBytes,
    RxErrors,
    TxErrors,
    RxDropped,
    TxDropped,
    Multicast,
    Collisions,
    RxLength,
    RxOver,
    RxCrc,
    RxFrame,
    RxFifo,
    RxMissed,
    TxAborted,
    TxCarrier,
    TxFifo,
    TxHeartbeat,
    TxWindow,
    RxCompressed,
    TxCompressed,
    RxNohandler,
    RxOtherhost,
}

/// The counters of a link.
pub struct Stats {
    counters: [u64; COUNTERS],
    /// How often the carrier came or went; none if the kernel does not say.
    carrier_changes: Option<u32>,
    /// The key in JSON, which tells how wide the kernel's counters are.
    key: &'static str,
}

/// Keys in JSON of one direction: always there, there if not zero, and there with the errors.
struct Keys {
    direction: &'static str,
    plain: &'static [(&'static str, Counter)],
    compressed: Counter,
    errors: &'static [(&'static str, Counter)],
    rare: &'static [(&'static str, Counter)],
}

const RX_KEYS: Keys = Keys {
    direction: "rx",
    plain: &[
        ("bytes", Counter::RxBytes),
        ("packets", Counter::RxPackets),
        ("errors", Counter::RxErrors),
        ("dropped", Counter::RxDropped),
        ("over_errors", Counter::RxOver),
        ("multicast", Counter::Multicast),
    ],
    compressed: Counter::RxCompressed,
    errors: &[
        ("length_errors", Counter::RxLength),
        ("crc_errors", Counter::RxCrc),
        ("frame_errors", Counter::RxFrame),
        ("fifo_errors", Counter::RxFifo),
        ("missed_errors", Counter::RxMissed),
    ],
    rare: &[("nohandler", Counter::RxNohandler), ("otherhost", Counter::RxOtherhost)],
};

const TX_KEYS: Keys = Keys {
    direction: "tx",
    plain: &[
        ("bytes", Counter::TxBytes),
        ("packets", Counter::TxPackets),
        ("errors", Counter::TxErrors),
        ("dropped", Counter::TxDropped),
        ("carrier_errors", Counter::TxCarrier),
        ("collisions", Counter::Collisions),
    ],
    compressed: Counter::TxCompressed,
    errors: &[
        ("aborted_errors", Counter::TxAborted),
        ("fifo_errors", Counter::TxFifo),
        ("window_errors", Counter::TxWindow),
        ("heartbeat_errors", Counter::TxHeartbeat),
    ],
    rare: &[],
};

/// One cell of a line: its column, its head and its number. A cell without a number is only as wide as its column.
type Cell = (usize, &'static str, Option<u64>);

impl Stats {
    /// The counters that a link's attributes hold, the wide ones before the old ones.
    pub fn read(tb: &Tb<'_>) -> Option<Stats> {
        let carrier_changes = tb.u32(IFLA_CARRIER_CHANGES);
        if let Some(attr) = tb.get(IFLA_STATS64) {
            let counters = numbers(&attr, |b: [u8; 8]| u64::from_ne_bytes(b));
            return Some(Stats { counters, carrier_changes, key: "stats64" });
        }
        let attr = tb.get(IFLA_STATS)?;
        let counters = numbers(&attr, |b: [u8; 4]| u64::from(u32::from_ne_bytes(b)));
        Some(Stats { counters, carrier_changes, key: "stats" })
    }

    fn get(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).copied().unwrap_or(0)
    }

    /// A counter that is only shown when it is not zero.
    fn rare(&self, column: usize, counter: Counter, head: &'static str) -> Option<Cell> {
        let value = self.get(counter);
        (value != 0).then_some((column, head, Some(value)))
    }

    /// Shows the counters, in the tool's table or as an object.
    pub fn show(&self, sink: &mut Sink) {
        if sink.json() {
            sink.open_object(self.key);
            self.show_keys(sink, &RX_KEYS);
            self.show_keys(sink, &TX_KEYS);
            sink.close_object();
        } else {
            self.show_table(sink);
        }
    }

    fn show_keys(&self, sink: &mut Sink, keys: &Keys) {
        sink.open_object(keys.direction);
        let compressed = [("compressed", keys.compressed)];
        let not_zero = |(_, counter): &&(&str, Counter)| self.get(*counter) != 0;
        let plain = keys.plain.iter().chain(compressed.iter().filter(not_zero));
        plain.for_each(|(key, counter)| sink.uint(key, "", self.get(*counter), ""));
        if sink.format.statistics > 1 {
            let errors = keys.errors.iter().chain(keys.rare.iter().filter(not_zero));
            errors.for_each(|(key, counter)| sink.uint(key, "", self.get(*counter), ""));
            if let Some(changes) = self.carrier_changes.filter(|_| keys.direction == "tx") {
                sink.uint("carrier_changes", "", u64::from(changes), "");
            }
        }
        sink.close_object();
    }

    fn show_table(&self, sink: &mut Sink) {
        let errors = sink.format.statistics > 1;
        let [rx, rx_errors, tx, tx_errors] = self.lines();
        let mut widths = [10, 7, 6, 7, 7, 7, 10, 9];
        if !sink.format.human {
            widen(&mut widths, &rx, 0);
            widen(&mut widths, &tx, 0);
            if errors {
                widen(&mut widths, &rx_errors, 0);
                // The tool measures these one column too far to the right.
                widen(&mut widths, &tx_errors, 1);
            }
        }
        show_counts(sink, "RX:", &rx, &widths);
        if errors {
            sink.line();
            show_errors(sink, "RX errors:", &rx_errors, &widths);
        }
        sink.line();
        show_counts(sink, "TX:", &tx, &widths);
        if errors {
            sink.line();
            show_errors(sink, "TX errors:", &tx_errors, &widths);
        }
    }

    /// The cells of the four lines: received, errors in that, sent, errors in that.
    fn lines(&self) -> [Vec<Cell>; 4] {
        use Counter::*;
        let row = |first: usize, heads: &[(&'static str, Counter)]| -> Vec<Cell> {
            let cell = |(at, (head, counter)): (usize, &(&'static str, Counter))| {
                (first + at, *head, Some(self.get(*counter)))
            };
            heads.iter().enumerate().map(cell).collect()
        };
        let compressed = |counter| self.rare(6, counter, "compressed").unwrap_or((6, "", None));
        let both = [("bytes", RxBytes), ("packets", RxPackets), ("errors", RxErrors), ("dropped", RxDropped)];
        let mut rx = row(0, &both);
        rx.extend(row(4, &[("missed", RxMissed), ("mcast", Multicast)]));
        rx.push(compressed(RxCompressed));
        let rx_heads =
            [("length", RxLength), ("crc", RxCrc), ("frame", RxFrame), ("fifo", RxFifo), ("overrun", RxOver)];
        let mut rx_errors = row(1, &rx_heads);
        rx_errors.extend(self.rare(6, RxNohandler, "nohandler"));
        rx_errors.extend(self.rare(7, RxOtherhost, "otherhost"));
        let both = [("bytes", TxBytes), ("packets", TxPackets), ("errors", TxErrors), ("dropped", TxDropped)];
        let mut tx = row(0, &both);
        tx.extend(row(4, &[("carrier", TxCarrier), ("collsns", Collisions)]));
        tx.push(compressed(TxCompressed));
        let tx_heads =
            [("aborted", TxAborted), ("fifo", TxFifo), ("window", TxWindow), ("heartbt", TxHeartbeat)];
        let mut tx_errors = row(1, &tx_heads);
        let changes = self.carrier_changes.map(|changes| (5, "transns", Some(u64::from(changes))));
        tx_errors.push(changes.unwrap_or((5, "", None)));
        [rx, rx_errors, tx, tx_errors]
    }
}

/// Reads counters of `N` bytes; those that the kernel does not have are zero.
fn numbers<const N: usize>(attr: &Attr<'_>, number: fn([u8; N]) -> u64) -> [u64; COUNTERS] {
    let mut counters = [0; COUNTERS];
    for (counter, bytes) in counters.iter_mut().zip(attr.payload.chunks_exact(N)) {
        *counter = bytes.try_into().map_or(0, number);
    }
    counters
}

/// Widens the columns to what stands in them, each cell measured so many columns to the right of its own.
fn widen(widths: &mut [usize; COLUMNS], cells: &[Cell], shift: usize) {
    for (column, _, value) in cells {
        let digits = value.map_or(0, |value| value.checked_ilog10().unwrap_or(0) as usize + 1);
        if let Some(width) = widths.get_mut(column + shift) {
            *width = (*width).max(digits);
        }
    }
}

fn width(widths: &[usize; COLUMNS], column: usize) -> usize {
    widths.get(column).copied().unwrap_or(0)
}

/// A line of heads and one of numbers, the line's name standing in the first column before its head.
fn show_counts(sink: &mut Sink, name: &str, cells: &[Cell], widths: &[usize; COLUMNS]) {
    let mut heads = format!("    {name}");
    for (column, head, _) in cells {
        let taken = if *column == 0 { name.len() + 1 } else { 0 };
        let width = width(widths, *column).saturating_sub(taken);
        heads += &format!(" {head:>width$}");
    }
    sink.text(&heads);
    sink.line();
    sink.text("    ");
    show_numbers(sink, cells, widths);
}

/// The same for errors, whose first column holds nothing but the line's name.
fn show_errors(sink: &mut Sink, name: &str, cells: &[Cell], widths: &[usize; COLUMNS]) {
    let first = width(widths, 0);
    let mut heads = format!("    {name:<first$}");
    for (column, head, _) in cells {
        heads += &format!(" {head:>width$}", width = width(widths, *column));
    }
    sink.text(&heads);
    sink.line();
    sink.text(&" ".repeat(first + 5));
    show_numbers(sink, cells, widths);
}

fn show_numbers(sink: &mut Sink, cells: &[Cell], widths: &[usize; COLUMNS]) {
    for (column, _, value) in cells {
        if let Some(value) = value {
            let text = if sink.format.human { human(*value, sink.format.iec) } else { value.to_string() };
            sink.text(&format!("{text:>width$} ", width = width(widths, *column)));
        }
    }
}

/// A number for people: `6.17k`, with `iec` `6.02ki`.
fn human(count: u64, iec: bool) -> String {
    const SUFFIXES: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];
    let base: u64 = if iec { 1024 } else { 1000 };
    if count < base {
        return count.to_string();
    }
    let (mut power, mut suffix) = (1u64, 'k');
    for next in SUFFIXES {
        (power, suffix) = (power.saturating_mul(base), next);
        if count / base < power {
            break;
        }
    }
    let precision = [(2, 10), (1, 100)].iter().find(|(_, most)| count / power < *most);
    let precision = precision.map_or(0, |(precision, _)| *precision);
    let value = count as f64 / power as f64;
    format!("{value:.precision$}{suffix}{}", if iec { "i" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtnl::sink::Format;

    fn shown(format: Format, set: &[(Counter, u64)], carrier_changes: Option<u32>) -> String {
        let mut stats = Stats { counters: [0; COUNTERS], carrier_changes, key: "stats64" };
        set.iter().for_each(|(counter, value)| stats.counters[*counter as usize] = *value);
        let mut sink = Sink::new(format);
        stats.show(&mut sink);
        sink.take()
    }

    #[test]
    fn columns_are_as_wide_as_their_numbers() {
        let format = Format { statistics: 2, ..Format::default() };
        let text =
            shown(format, &[(Counter::RxBytes, 12_345_678_901), (Counter::TxPackets, 98_765_432)], Some(4));
        assert_eq!(
            text,
            "    RX:   bytes  packets errors dropped  missed   mcast           
    12345678901        0      0       0       0       0 
    RX errors:    length    crc   frame    fifo overrun
                       0      0       0       0       0 
    TX:   bytes  packets errors dropped carrier collsns           
              0 98765432      0       0       0       0 
    TX errors:   aborted   fifo  window heartbt transns
                       0      0       0       0       4 "
        );
    }

    #[test]
    fn people_read_suffixes() {
        assert_eq!(human(999, false), "999");
        assert_eq!(human(6170, false), "6.17k");
        assert_eq!(human(6170, true), "6.03ki");
        assert_eq!(human(61_700, false), "61.7k");
        assert_eq!(human(617_000, false), "617k");
        assert_eq!(human(u64::MAX, false), "18.4E");
    }
}
