//! `netloom frames`: frame cases replayed, each on a fresh machine, and compared with what a real Linux sent.
//!
//! The replay does what the recorder did: the commands, ports on the devices, a second and a half for everything to
//! settle, then frame by frame, each until nothing has come out for 80 ms. Time is virtual. Compared is the content,
//! not the order within one injected frame, of which even Linux makes no promise; and not the identification and
//! header checksum of IPv4, which are the host stack's free choice.
//!
//! One thing is not recorded: when, during the commands, Linux sent what it sends of itself. It says which groups it
//! is in at random times within a second, and a link that comes up or changes meanwhile counts such a report or does
//! not. Nor is it exact how long a second lasts: a timer of Linux goes off with the tick of its wheel, which for one
//! second is up to 80 ms late (`kernel/time/timer.c`), so that a question asked again comes behind this frame or the
//! next. So a case is replayed at several paces ([`PACES`]), and is equal if it is equal at one of them.

use crate::dissect::dissect;
use crate::frame_case::{AllCounters, Answer, AtPort, Counters, FrameCase};
use crate::machine::{Machine, PACE};
use crate::trouble::Trouble;
use crate::verify::Verdict;
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Microseconds between the commands and the first frame.
const SETTLE: u64 = 1_500_000;
/// Microseconds without a frame after which the next one is put in.
const QUIET: u64 = 80_000;
/// The same against timers that are as late as Linux's may be, and when the recorder's own wait was rounded up.
const QUIETS: [u64; 2] = [QUIET * 94 / 100, QUIET * 108 / 100];
/// How long a command takes, and how long it is quiet before the next frame, in microseconds: the usual times first.
/// Between the slowest and the quickest, what is said half a second after a command comes before the next command or
/// behind the twentieth.
const PACES: [(u64, u64); 8] = [
    (PACE, QUIET),
    (PACE / 2, QUIET),
    (PACE / 4, QUIET),
    (PACE * 2, QUIET),
    (PACE * 3, QUIET),
    (PACE * 6, QUIET),
    (PACE, QUIETS[0]),
    (PACE, QUIETS[1]),
];
/// Times at which something may happen before the next frame at most: an endless talk ends.
const ROUNDS: usize = 10_000;
/// How many commands that were refused are shown.
const REFUSED_SHOWN: usize = 2;
/// How many bytes of a frame are shown.
const HEX_SHOWN: usize = 80;

/// What of a case is compared and told.
#[derive(Clone, Copy, Debug)]
pub struct FrameOptions {
    /// Whether counters are compared.
    pub counters: bool,
    /// Whether frames are shown byte by byte.
    pub verbose: bool,
    /// How many lines of a difference are told at most.
    pub most: usize,
    /// Decides the addresses that nobody chose.
    pub seed: u64,
}

/// Replays a case and compares.
pub fn judge(path: &Path, options: FrameOptions) -> Verdict {
    let case = match FrameCase::read(path) {
        Ok(case) => case,
        Err(trouble) => return Verdict::Unreadable(trouble),
    };
    let mut first = None;
    for pace in PACES {
        let replayed =
            catch_unwind(AssertUnwindSafe(|| replay(&path.display().to_string(), &case, options.seed, pace)));
        let lines = match replayed {
            Ok(Ok(answer)) => differences(&case, &answer, options),
            Ok(Err(Failure::Case(trouble))) => return Verdict::Unreadable(trouble),
            Ok(Err(Failure::Kernel(what))) => vec![what],
            Err(_) => vec!["the replay ended in a panic: a fault of netloom, please report it".into()],
        };
        if lines.is_empty() {
            return Verdict::Equal;
        }
        first.get_or_insert(lines);
    }
    let lines = first.unwrap_or_default();
    let mut how = String::new();
    for line in lines.iter().take(options.most) {
        let _ = writeln!(how, "  {line}");
    }
    if lines.len() > options.most {
        let _ = writeln!(how, "  … and {} more lines", lines.len() - options.most);
    }
    Verdict::Differs(how)
}

/// Why a replay did not come to its end.
#[derive(Debug)]
pub enum Failure {
    /// The case is no good.
    Case(Trouble),
    /// The kernel does not do what the recorded one did.
    Kernel(String),
}

/// Does what a case says on a fresh machine, on which a command takes `pace.0` microseconds, and with `pace.1`
/// microseconds of quiet behind a frame.
///
/// # Errors
/// A command that is not understood, or a port whose device is not there.
pub fn replay(name: &str, case: &FrameCase, seed: u64, pace: (u64, u64)) -> Result<Answer, Failure> {
    let no_kernel = |errno| Failure::Kernel(format!("there is no kernel: {errno}"));
    let mut machine = Machine::new(seed, String::new()).map_err(no_kernel)?;
    machine.pace = pace.0;
    let refused = set_up(name, case, &mut machine)?;
    let mut bench = Bench { ports: attach(case, &mut machine)?, machine, quiet: pace.1 };
    bench.machine.pass(SETTLE);
    bench.collect();
    let mut egress = Vec::with_capacity(case.inject.len());
    for injected in &case.inject {
        egress.push(bench.inject(injected).map_err(Failure::Kernel)?);
    }
    let counters = bench.counters().map_err(Failure::Kernel)?;
    Ok(Answer { egress, refused, counters })
}

/// Runs the commands; gives those that failed, with what they printed.
pub(crate) fn set_up(
    name: &str,
    case: &FrameCase,
    machine: &mut Machine<String>,
) -> Result<Vec<(String, String)>, Failure> {
    let mut refused = Vec::new();
    for command in &case.setup {
        machine.console.clear();
        let status = machine.run_line(command).map_err(|what| {
            Failure::Case(Trouble::file(name, format!("the command `{command}` was not run: {what}")))
        })?;
        if status != 0 {
            refused.push((command.clone(), machine.console.trim().to_string()));
        }
    }
    Ok(refused)
}

pub(crate) fn attach(
    case: &FrameCase,
    machine: &mut Machine<String>,
) -> Result<BTreeMap<String, PortId>, Failure> {
    let mut ports = BTreeMap::new();
    for (name, (netns, device)) in &case.ports {
        let no_port = |why| Failure::Kernel(format!("port {name} cannot be on {device} in {netns}: {why}"));
        let space = machine.netns_named(netns).ok_or_else(|| no_port("there is no such namespace".into()))?;
        let (mut kernel, _) = machine.kernel();
        let index = kernel.ifindex(space, device).ok_or_else(|| no_port("there is no such device".into()))?;
        let port = kernel.attach_port(space, index, PortKind::Socket);
        ports.insert(name.clone(), port.map_err(|errno| no_port(errno.to_string()))?);
    }
    Ok(ports)
}

/// A machine with ports.
struct Bench {
    machine: Machine<String>,
    ports: BTreeMap<String, PortId>,
    /// Microseconds without a frame before the next one is put in.
    quiet: u64,
}

impl Bench {
    /// What left at the ports.
    fn collect(&mut self) -> Vec<AtPort> {
        let (mut kernel, _) = self.machine.kernel();
        let mut out = Vec::new();
        for (name, port) in &self.ports {
            kernel.output(*port, &mut |frame| {
                out.push(AtPort { port: name.clone(), frame: frame.to_vec() });
            });
        }
        out
    }

    /// Puts a frame in and gives what comes out until it is quiet.
    fn inject(&mut self, injected: &AtPort) -> Result<Vec<AtPort>, String> {
        let port = self.ports.get(&injected.port).copied().ok_or("the port is gone")?;
        let (mut kernel, now) = self.machine.kernel();
        let put = kernel.input(now, port, &[&injected.frame]);
        drop(kernel);
        put.map_err(|errno| format!("port {}: {errno}", injected.port))?;
        let mut out = self.collect();
        let mut quiet_at = Instant(now.0 + self.quiet);
        for _ in 0..ROUNDS {
            let (kernel, now) = self.machine.kernel();
            let next = kernel.next_timeout().filter(|next| *next <= quiet_at);
            drop(kernel);
            let until = next.unwrap_or(quiet_at).max(now);
            self.machine.pass(until.0 - now.0);
            let more = self.collect();
            if !more.is_empty() {
                quiet_at = Instant(until.0 + self.quiet);
            } else if next.is_none() {
                break;
            }
            out.extend(more);
        }
        Ok(out)
    }

    /// The counters of all namespaces, as `ip` tells them.
    fn counters(&mut self) -> Result<AllCounters, String> {
        let mut names = iproute::host::Host::netns_names(&mut self.machine).map_err(|e| e.to_string())?;
        names.push(String::new());
        let mut all = AllCounters::new();
        for name in names {
            let command = match name.as_str() {
                "" => "ip -s -j link".to_string(),
                name => format!("ip -n {name} -s -j link"),
            };
            self.machine.console.clear();
            let status = self.machine.run_line(&command).map_err(|e| e.to_string())?;
            let printed = &self.machine.console;
            let counters = read_counters(printed).filter(|_| status == 0);
            all.insert(name, counters.ok_or_else(|| format!("`{command}` printed {printed}"))?);
        }
        Ok(all)
    }
}

fn read_counters(json: &str) -> Option<BTreeMap<String, Counters>> {
    let links: Vec<serde_json::Value> = serde_json::from_str(json).ok()?;
    let read = |link: &serde_json::Value| {
        let stats = link.get("stats64")?;
        let count = |way: &str, what: &str| stats.get(way)?.get(what)?.as_u64();
        let packets = (count("rx", "packets")?, count("tx", "packets")?);
        let counters = [packets.0, packets.1, count("rx", "dropped")?, count("tx", "dropped")?];
        Some((link.get("ifname")?.as_str()?.to_string(), counters))
    };
    links.iter().map(read).collect()
}

/// All that differs, line by line; nothing if all is equal.
fn differences(case: &FrameCase, got: &Answer, options: FrameOptions) -> Vec<String> {
    let mut lines = Vec::new();
    let want = &case.recorded;
    compare_refused(&mut lines, &want.refused, &got.refused, options.verbose);
    for (at, injected) in case.inject.iter().enumerate() {
        let none = Vec::new();
        let (want, got) = (want.egress.get(at).unwrap_or(&none), got.egress.get(at).unwrap_or(&none));
        compare_egress(&mut lines, (at, injected), want, got, options.verbose);
    }
    if options.counters {
        compare_counters(&mut lines, &want.counters, &got.counters);
    }
    lines
}

fn compare_refused(
    lines: &mut Vec<String>,
    want: &[(String, String)],
    got: &[(String, String)],
    verbose: bool,
) {
    let most = if verbose { usize::MAX } else { REFUSED_SHOWN };
    for (sign, these, others) in [('-', want, got), ('+', got, want)] {
        let differing: Vec<_> = these.iter().filter(|refused| !others.contains(refused)).collect();
        for (command, printed) in differing.iter().take(most) {
            lines.push(format!("{sign}refused: {command}: {printed}"));
        }
        // One refusal brings others with it; the frames are to be seen too.
        if differing.len() > most {
            lines.push(format!("{sign}refused: … and {} more commands", differing.len() - most));
        }
    }
}

/// The frames of one list that the other has not, each as often as it is missing there.
fn surplus<'a>(these: &'a [AtPort], others: &[AtPort]) -> Vec<&'a AtPort> {
    let mut others: Vec<AtPort> = others.iter().map(masked).collect();
    let has = |frame: &&AtPort| match others.iter().position(|other| *other == masked(frame)) {
        Some(at) => {
            others.swap_remove(at);
            false
        }
        None => true,
    };
    these.iter().filter(has).collect()
}

fn compare_egress(
    lines: &mut Vec<String>,
    (at, injected): (usize, &AtPort),
    want: &[AtPort],
    got: &[AtPort],
    verbose: bool,
) {
    let (missing, extra) = (surplus(want, got), surplus(got, want));
    if missing.is_empty() && extra.is_empty() {
        return;
    }
    lines.push(format!("frame {at} into {}: {}", injected.port, dissect(&injected.frame)));
    if verbose {
        lines.push(format!("    {}", hex(&injected.frame, usize::MAX)));
    }
    for (sign, frames) in [('-', missing), ('+', extra)] {
        for frame in frames {
            lines.push(format!("  {sign}out of {}: {}", frame.port, dissect(&frame.frame)));
            let shown = if verbose { usize::MAX } else { HEX_SHOWN };
            lines.push(format!("    {}", hex(&frame.frame, shown)));
        }
    }
}

fn compare_counters(lines: &mut Vec<String>, want: &AllCounters, got: &AllCounters) {
    const TELL: &str = "rx, tx, rx dropped, tx dropped";
    let rows = |all: &AllCounters| {
        let mut rows = BTreeMap::new();
        for (netns, devices) in all {
            for (device, counters) in devices {
                rows.insert((netns.clone(), device.clone()), *counters);
            }
        }
        rows
    };
    let (want, got) = (rows(want), rows(got));
    let mut keys: Vec<_> = want.keys().chain(got.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys.into_iter().filter(|key| want.get(key) != got.get(key)) {
        let show = |row: Option<&Counters>| row.map_or("none".into(), |row| format!("{row:?}"));
        let place = if key.0.is_empty() { key.1.clone() } else { format!("{} in {}", key.1, key.0) };
        lines.push(format!("counters of {place} ({TELL}): -{} +{}", show(want.get(key)), show(got.get(key))));
    }
}

/// Frames in frames that are looked into at most.
const DEPTH: usize = 4;

/// A frame without what the host stack may choose: IPv4's identification and with it the header checksum, behind any
/// tags; the identification of IPv6's fragments; the flow label of ICMPv6, which Linux makes of a number of chance; in
/// tunnels' packets what [`mask_tunnel`] says, and the same of the frame in them.
pub(crate) fn masked(frame: &AtPort) -> AtPort {
    let mut frame = frame.clone();
    let mut inner = Some(0);
    for _ in 0..DEPTH {
        let Some(at) = inner else { break };
        inner = frame.frame.get_mut(at..).and_then(mask_frame).map(|offset| at + offset);
    }
    frame
}

/// Masks a frame, and says where the one in it begins.
fn mask_frame(bytes: &mut [u8]) -> Option<usize> {
    let mut at = 12;
    while matches!(bytes.get(at..at + 2), Some([0x81, 0x00] | [0x88, 0xa8])) {
        at += 4;
    }
    match bytes.get(at..at + 2) {
        Some([0x08, 0x00]) if bytes.len() >= at + 22 => {
            bytes[at + 6..at + 8].fill(0);
            bytes[at + 12..at + 14].fill(0);
            let first = u16::from_be_bytes([bytes[at + 8], bytes[at + 9]]) & 0x1fff == 0;
            if bytes[at + 11] == 17 && first {
                let datagram = at + 2 + usize::from(bytes[at + 2] & 15) * 4;
                return mask_tunnel(bytes, datagram);
            }
        }
        Some([0x86, 0xdd]) if bytes.len() >= at + 50 && bytes[at + 8] == 17 => {
            return mask_tunnel(bytes, at + 42);
        }
        Some([0x86, 0xdd]) if bytes.len() >= at + 42 && bytes[at + 8] == 58 => {
            bytes[at + 3] &= 0xf0;
            bytes[at + 4..at + 6].fill(0);
        }
        Some([0x86, 0xdd]) if bytes.len() >= at + 58 && bytes[at + 8] == 44 => {
            bytes[at + 46..at + 50].fill(0);
            let first = u16::from_be_bytes([bytes[at + 44], bytes[at + 45]]) >> 3 == 0;
            if bytes[at + 42] == 17 && first {
                return mask_tunnel(bytes, at + 50);
            }
        }
        _ => {}
    }
    None
}

/// Ports at which devices listen: VXLAN's two and the one beside it that cases use, and Geneve's.
const TUNNELS: [u16; 4] = [4789, 8472, 4999, 6081];
/// The last of them, whose header says how long its options are.
const GENEVE: u16 = 6081;

/// A datagram to a tunnel without its source port, which is drawn by a number of chance, and without the value of its
/// checksum, which a device computes that a recording's cable does not have. Says where the frame in it begins.
fn mask_tunnel(bytes: &mut [u8], at: usize) -> Option<usize> {
    let datagram = bytes.get_mut(at..at + 8)?;
    let port = u16::from_be_bytes([datagram[2], datagram[3]]);
    if !TUNNELS.contains(&port) {
        return None;
    }
    datagram[..2].fill(0);
    if datagram[6..] != [0, 0] {
        datagram[6..].fill(1);
    }
    let options = bytes.get(at + 8).filter(|_| port == GENEVE).map_or(0, |first| first & 0x3f);
    Some(at + 16 + usize::from(options) * 4)
}

fn hex(bytes: &[u8], most: usize) -> String {
    let mut text: String = bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > most {
        let _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: &str, frame: &[u8]) -> AtPort {
        AtPort { port: port.into(), frame: frame.to_vec() }
    }

    #[test]
    fn counts_what_is_missing_as_often_as_it_is() {
        let (a, b) = (at("a", &[1]), at("b", &[1]));
        assert_eq!(surplus(&[a.clone(), b.clone(), a.clone()], &[a.clone(), b.clone()]), [&a]);
        assert!(surplus(&[a.clone(), b.clone()], &[b, a]).is_empty());
    }

    #[test]
    fn masks_what_chance_chooses_in_tunnels() {
        let mut bytes = vec![0; 60];
        bytes[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0]);
        bytes[23] = 17;
        bytes[34..42].copy_from_slice(&[1, 2, 0x12, 0xb5, 0, 26, 3, 4]);
        let frame = |change: &dyn Fn(&mut [u8])| {
            let mut other = bytes.clone();
            change(&mut other);
            masked(&at("a", &other))
        };
        let same = frame(&|_| ());
        assert_eq!(frame(&|bytes| bytes[34..36].fill(9)), same);
        assert_eq!(frame(&|bytes| bytes[40..42].fill(9)), same);
        assert_ne!(frame(&|bytes| bytes[40..42].fill(0)), same);
        assert_ne!(frame(&|bytes| bytes[42] = 9), same);
        assert_ne!(frame(&|bytes| bytes[37] = 9), frame(&|bytes| (bytes[37], bytes[34]) = (9, 9)));
        for v6 in [6, 17, 44, 58] {
            let mut other = bytes.clone();
            other[12..14].copy_from_slice(&[0x86, 0xdd]);
            other[20] = v6;
            (0..60).for_each(|length| drop(masked(&at("a", &other[..length]))));
        }
    }

    /// The host's packets in a tunnel have an identification too, whatever carries them.
    #[test]
    fn masks_what_the_host_stack_chooses_in_tunnels() {
        let packet = |identification: u8, last: u8| {
            let mut inner = vec![2; 12];
            inner.extend([8, 0, 0x45, 0, 0, 21, identification, 1, 0, 0, 64, 1, identification, 2]);
            inner.extend([10, 0, 0, 1, 10, 0, 0, 2, last]);
            let mut bytes = vec![2; 12];
            bytes.extend([8, 0, 0x45, 0, 0, 71, 0, 1, 0, 0, 64, 17, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]);
            bytes.extend([0x13, 0x88, 0x12, 0xb5, 0, 51, 0, 0, 8, 0, 0, 0, 0, 0, 100, 0]);
            bytes.extend(inner);
            at("a", &bytes)
        };
        assert_eq!(masked(&packet(1, 5)), masked(&packet(2, 5)));
        assert_ne!(masked(&packet(1, 5)), masked(&packet(1, 6)));
    }

    #[test]
    fn masks_what_the_host_stack_chooses() {
        let mut bytes = vec![7; 60];
        bytes[12..18].copy_from_slice(&[0x81, 0, 0, 5, 0x08, 0x00]);
        let mut other = bytes.clone();
        other[22..24].fill(1);
        other[28..30].fill(1);
        assert_eq!(masked(&at("a", &bytes)), masked(&at("a", &other)));
        other[24] = 1;
        assert_ne!(masked(&at("a", &bytes)), masked(&at("a", &other)));
        for length in 0..60 {
            masked(&at("a", &bytes[..length]));
        }
    }
}
