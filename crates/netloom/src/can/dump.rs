//! `candump … &`: what comes on CAN devices, printed behind each later command as `candump` prints it.
//!
//! Left out: colours (`-c`), bytes swapped (`-S`), other silence than none (`-s`), log files (`-l`).

use super::text::{self, View};
use crate::console::Console;
use crate::machine::{BEGINNING, Machine};
use kernel::{CanReceived, CanSocketId, NetnsId};
use rtnl::errno::Errno;
use wire::can::{self, Can};

/// How many may run at once.
const DUMPS: usize = 64;
/// Devices of one.
const DEVICES: usize = 16;
/// Bytes of lines that wait to be printed at most.
const TEXT_MAX: usize = 1 << 24;
const DAY: u64 = 86_400_000_000;

/// Which time stands before a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stamp {
    None,
    Absolute,
    Date,
    SinceLast,
    SinceFirst,
}

/// A filter: matches identifiers that are the same where the mask says, or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Filter {
    identifier: u32,
    mask: u32,
    inverted: bool,
}

/// A device and what of it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// None: any.
    device: Option<String>,
    filters: Vec<Filter>,
    errors: u32,
}

/// The words behind `candump`.
#[derive(Clone, Debug)]
struct Plan {
    stamp: Stamp,
    view: View,
    log: bool,
    extra: bool,
    stays: bool,
    count: Option<u64>,
    timeout: Option<u64>,
    wanted: Vec<Wanted>,
}

/// Reads the words; an error is a complaint, empty for the usage.
fn plan(words: &[&str]) -> Result<Plan, String> {
    let (view, wanted) = (View::default(), Vec::new());
    let (log, extra, stays, count, timeout) = (false, false, false, None, None);
    let mut plan = Plan { stamp: Stamp::None, view, log, extra, stays, count, timeout, wanted };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            plan.wanted.push(wanted_of(word)?);
            continue;
        };
        for (at, letter) in letters.char_indices() {
            if !"tnrTs".contains(letter) {
                plan.switch(letter)?;
                continue;
            }
            let rest = &letters[at + letter.len_utf8()..];
            let value = if rest.is_empty() { words.next().copied() } else { Some(rest) };
            plan.option(letter, value.ok_or(String::new())?)?;
            break;
        }
    }
    match plan.wanted.len() {
        0 => Err(String::new()),
        1..=DEVICES => Ok(plan),
        _ => Err(format!("More than {DEVICES} CAN devices given on commandline!")),
    }
}

impl Plan {
    fn switch(&mut self, letter: char) -> Result<(), String> {
        match letter {
            'i' => self.view.binary = true,
            'a' => self.view.ascii = true,
            'L' => self.log = true,
            'x' => self.extra = true,
            'D' => self.stays = true,
            'H' | 'd' | 'e' => {}
            'c' | 'S' | 'l' => return Err(format!("netloom: candump: -{letter} is not built")),
            _ => return Err(String::new()),
        }
        Ok(())
    }

    fn option(&mut self, letter: char, value: &str) -> Result<(), String> {
        let positive = || value.parse::<u64>().ok().filter(|value| *value > 0);
        match letter {
            't' => {
                self.stamp = match value {
                    "a" => Stamp::Absolute,
                    "A" => Stamp::Date,
                    "d" => Stamp::SinceLast,
                    "z" => Stamp::SinceFirst,
                    _ => return Err(String::new()),
                }
            }
            'n' => self.count = Some(positive().ok_or(String::new())?),
            'T' => self.timeout = Some(positive().ok_or(String::new())?),
            's' if value != "0" => return Err("netloom: candump: -s is not built".into()),
            _ => {}
        }
        Ok(())
    }
}

/// `DEVICE[,FILTER]…`.
fn wanted_of(word: &str) -> Result<Wanted, String> {
    let mut parts = word.split(',');
    let device = parts.next().filter(|device| *device != "any").map(String::from);
    let mut wanted = Wanted { device, filters: Vec::new(), errors: 0 };
    for part in parts {
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let wrong = || "Error in filter option parsing".to_string();
        if let Some(mask) = part.strip_prefix('#') {
            wanted.errors = hex(mask).ok_or_else(wrong)?;
            continue;
        }
        let inverted = part.contains('~');
        let (identifier, mask) = part.split_once([':', '~']).ok_or_else(wrong)?;
        let long = if identifier.len() == 8 { can::EXTENDED } else { 0 };
        let (Some(number), Some(mask)) = (hex(identifier), hex(mask)) else { return Err(wrong()) };
        wanted.filters.push(Filter { identifier: number | long, mask: mask & !can::ERROR, inverted });
    }
    if wanted.filters.is_empty() && wanted.errors == 0 {
        wanted.filters.push(Filter { identifier: 0, mask: 0, inverted: false });
    }
    Ok(wanted)
}

impl Wanted {
    fn takes(&self, frame: &Can) -> bool {
        if frame.identifier & can::ERROR != 0 {
            return frame.identifier & can::EXTENDED_MASK & self.errors != 0;
        }
        let matches =
            |filter: &Filter| ((frame.identifier ^ filter.identifier) & filter.mask == 0) != filter.inverted;
        self.filters.iter().any(matches)
    }
}

/// One that runs in the background.
struct Dump {
    plan: Plan,
    /// By device as it was asked for.
    sockets: Vec<CanSocketId>,
    /// The longest name of a device so far.
    width: usize,
    /// When the frame came that times count from.
    reference: Option<u64>,
    ended: bool,
}

impl Dump {
    fn line(&mut self, received: &CanReceived) -> String {
        let time = BEGINNING.saturating_add(received.time.0);
        let frame = &received.frame;
        let (width, device) = (self.width, &received.device);
        if self.plan.log {
            return format!("({}) {device:>width$} {}\n", seconds(time, 10), text::short(frame, false));
        }
        if frame.identifier & can::EXTENDED != 0 {
            self.plan.view.indent = true;
        }
        let stamp = self.stamp(time);
        let extra = match (self.plan.extra, received.own) {
            (false, _) => String::new(),
            (true, own) => {
                let is = |flag, letter| if frame.fd && frame.flags & flag != 0 { letter } else { '-' };
                let (rate, state) = (is(can::BIT_RATE_SWITCH, 'B'), is(can::ERROR_STATE, 'E'));
                format!("  {} {rate} {state}", if own { "TX" } else { "RX" })
            }
        };
        format!(" {stamp} {device:>width$}{extra}  {}\n", text::long(frame, self.plan.view))
    }

    /// The time in brackets and a blank, as it is wanted.
    fn stamp(&mut self, time: u64) -> String {
        let since = time.saturating_sub(*self.reference.get_or_insert(time));
        match self.plan.stamp {
            Stamp::None => String::new(),
            Stamp::Absolute => format!("({}) ", seconds(time, 10)),
            Stamp::Date => format!("({}) ", date(time)),
            Stamp::SinceFirst => format!("({}) ", seconds(since, 3)),
            Stamp::SinceLast => {
                self.reference = Some(time);
                format!("({}) ", seconds(since, 3))
            }
        }
    }
}

fn seconds(micros: u64, width: usize) -> String {
    format!("{:0width$}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// `2022-12-11 22:15:00.000000`, by the calendar's cycle of 400 years, counted from a first of March.
fn date(micros: u64) -> String {
    let days = micros / DAY + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = era * 400 + year + u64::from(month <= 2);
    let (clock, micros) = (micros % DAY / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}.{micros:06}")
}

/// All that run, and what they have still to print.
#[derive(Default)]
pub(crate) struct Dumps {
    running: Vec<Dump>,
    text: String,
    complaints: String,
}

impl<C: Console> Machine<C> {
    /// Starts `candump`, plain or behind `ip netns exec NAME`, in the background; none if these words are not that.
    pub(crate) fn run_candump(&mut self, words: &[String]) -> Option<i32> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (name, rest) = match *words {
            ["candump", ref rest @ ..] => ("", rest),
            ["ip", "netns", "exec", name, "candump", ref rest @ ..] => (name, rest),
            _ => return None,
        };
        let Some(netns) = self.netns_named(name) else {
            let complaint = format!("Cannot open network namespace \"{name}\": No such file or directory\n");
            self.console.err(&complaint);
            return Some(255);
        };
        Some(self.start_candump(netns, rest))
    }

    /// `candump` in the foreground: nothing comes while it waits.
    pub(crate) fn candump(&mut self, words: &[String]) -> i32 {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let netns = self.here();
        let opened = plan(&words).and_then(|plan| {
            let sockets = self.open_candump(netns, &plan)?;
            let mut kernel = self.kernel().0;
            sockets.into_iter().for_each(|socket| kernel.close_can(socket));
            Ok(plan.timeout)
        });
        match opened {
            Ok(Some(millis)) => {
                self.pass(millis.saturating_mul(1000));
                0
            }
            Ok(None) => {
                self.console.err("netloom: nothing can happen while candump waits; end the line with ` &`\n");
                2
            }
            Err(complaint) => self.refuse_candump(complaint),
        }
    }

    fn refuse_candump(&mut self, complaint: String) -> i32 {
        let usage = complaint.is_empty();
        self.console.err(&if usage { include_str!("candump.txt").into() } else { complaint + "\n" });
        1
    }

    fn start_candump(&mut self, netns: NetnsId, words: &[&str]) -> i32 {
        let plan = match plan(words) {
            Ok(_) if self.can.running.len() >= DUMPS => Err("netloom: too many run already".to_string()),
            plan => plan,
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(complaint) => return self.refuse_candump(complaint),
        };
        match self.open_candump(netns, &plan) {
            Ok(sockets) => {
                let names = plan.wanted.iter().filter_map(|wanted| wanted.device.as_ref());
                let width = names.map(String::len).max().unwrap_or(0);
                self.can.running.push(Dump { plan, sockets, width, reference: None, ended: false });
                0
            }
            Err(complaint) => self.refuse_candump(complaint),
        }
    }

    fn open_candump(&mut self, netns: NetnsId, plan: &Plan) -> Result<Vec<CanSocketId>, String> {
        let (mut kernel, _) = self.kernel();
        let mut sockets = Vec::new();
        for wanted in &plan.wanted {
            let index = wanted.device.as_ref().map(|device| kernel.ifindex(netns, device));
            let opened = match index {
                Some(None) => Err(format!("SIOCGIFINDEX: {}", Errno::ENODEV)),
                index => kernel.open_can(netns, index.flatten()).map_err(|errno| format!("bind: {errno}")),
            };
            match opened {
                Ok(socket) => sockets.push(socket),
                Err(complaint) => {
                    sockets.into_iter().for_each(|socket| kernel.close_can(socket));
                    return Err(complaint);
                }
            }
        }
        Ok(sockets)
    }

    /// Hears of all that came for those that run.
    pub(crate) fn gather_can(&mut self) {
        if self.can.running.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.can);
        let (mut kernel, _) = self.kernel();
        for dump in &mut all.running {
            let mut came = Vec::new();
            for (place, socket) in dump.sockets.iter().enumerate() {
                loop {
                    match kernel.receive_can(*socket) {
                        Ok(Some(received)) => came.push((place, received)),
                        Ok(None) => break,
                        Err(Errno::ENETDOWN) if dump.plan.stays => {
                            let device = dump.plan.wanted[place].device.clone().unwrap_or_default();
                            all.complaints.push_str(&format!("{device}: interface down\n"));
                        }
                        Err(errno) => {
                            all.complaints.push_str(&format!("read: {errno}\n"));
                            dump.ended = true;
                            break;
                        }
                    }
                }
            }
            came.sort_by_key(|(_, received)| received.time);
            for (place, received) in came {
                let enough = dump.plan.count == Some(0);
                if enough || !dump.plan.wanted[place].takes(&received.frame) || all.text.len() > TEXT_MAX {
                    continue;
                }
                dump.width = dump.width.max(received.device.len());
                let line = dump.line(&received);
                all.text.push_str(&line);
                dump.plan.count = dump.plan.count.map(|count| count - 1);
            }
            dump.ended |= dump.plan.count == Some(0);
            if dump.ended {
                dump.sockets.drain(..).for_each(|socket| kernel.close_can(socket));
            }
        }
        drop(kernel);
        all.running.retain(|dump| !dump.ended);
        self.can = all;
    }

    /// Prints what came; to be called behind each command.
    pub(crate) fn tell_can(&mut self) {
        self.gather_can();
        let text = std::mem::take(&mut self.can.text);
        let complaints = std::mem::take(&mut self.can.complaints);
        self.console.out(&text);
        self.console.err(&complaints);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(BEGINNING + 7), "2022-12-11 22:15:00.000007");
        assert_eq!(date(951_782_400_000_000), "2000-02-29 00:00:00.000000");
    }

    #[test]
    fn filters_take_what_they_say() {
        let takes =
            |filter: &str, frame: &str| wanted_of(filter).unwrap().takes(&text::parse(frame).unwrap());
        assert!(takes("v,123:7FF", "123#") && takes("v,123:7FF", "123#R") && !takes("v,123:7FF", "124#"));
        assert!(takes("v,123:C00007FF", "123#") && !takes("v,123:C00007FF", "123#R"));
        assert!(takes("v,12345678:DFFFFFFF", "12345678#") && !takes("v,12345678:DFFFFFFF", "678#"));
        assert!(!takes("v,100~7F0", "10F#") && takes("v,100~7F0", "110#"));
        assert!(!takes("any", "20000123#11") && takes("any,#FFFFFFFF", "20000123#11"));
        assert!(!takes("any,#FFFFFFFF", "123#"));
    }
}
