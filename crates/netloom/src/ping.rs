//! `ping` as iputils 20221126 has it, in virtual time: the loop that sends, waits and counts.
//!
//! The program is the one of Debian 12: the same words, exit statuses and pauses. The time that a reply takes is
//! virtual too, and no device here takes any; so that a round trip is not shown as nothing, one costs [`TRIP`].
//! The words are in `ping_words`, the options in `ping_options`.
//!
//! **Left out**: `-A`, `-F`, `-N`, `-R`, `-T`, `-p`, `-S` and `-V`'s neighbours `-B`, `-C`, `-e`, `-H`, `-k`.

use crate::console::Console;
use crate::machine::Machine;
use crate::ping_options::{Options, Stop, read_options};
use crate::ping_words as words;
use iproute::host::Host;
use kernel::{Cutting, Fault, Instant, Kernel, NetnsId, Protocol, Received, SocketId};
use rtnl::errno::Errno;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a round trip takes where nothing on the way does, in microseconds.
const TRIP: u64 = 50;
/// Between two packets that nothing else keeps apart, in milliseconds.
const MINIMAL: i64 = 10;
const MILLISECOND: u64 = 1000;
/// Bytes of a time stamp: a smaller payload is not timed.
const STAMP: usize = 16;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST6: u8 = 128;
const ECHO_REPLY6: u8 = 129;

/// What was counted, all times in microseconds.
#[derive(Default)]
pub(crate) struct Counts {
    pub transmitted: u64,
    pub received: u64,
    pub repeats: u64,
    pub corrupted: u64,
    pub errors: u64,
    pub least: u64,
    pub most: u64,
    pub sum: u64,
    pub squares: u128,
    /// How many were out at once.
    pub pipe: u64,
    acknowledged: u64,
}

impl Counts {
    /// An answer to a packet came (`acknowledge`).
    fn acknowledge(&mut self, sequence: u16) {
        let ahead = (self.transmitted as u16).wrapping_sub(sequence);
        if ahead <= 0x7fff {
            self.pipe = self.pipe.max(u64::from(ahead) + 1);
            self.acknowledged =
                self.acknowledged.max(self.transmitted - u64::from(ahead).min(self.transmitted));
        }
    }

    fn in_flight(&self) -> u64 {
        self.transmitted.saturating_sub(self.acknowledged)
    }

    fn time(&mut self, trip: u64) {
        self.least = if self.received == 1 { trip } else { self.least.min(trip) };
        self.most = self.most.max(trip);
        self.sum += trip;
        self.squares += u128::from(trip) * u128::from(trip);
    }
}

struct Ping<'m, C: Console> {
    machine: &'m mut Machine<C>,
    netns: NetnsId,
    options: Options,
    socket: SocketId,
    target: IpAddr,
    /// The link of a link-local target.
    scope: Option<u32>,
    identifier: u16,
    counts: Counts,
    seen: BTreeSet<u16>,
    /// Sending times of the last packets, by sequence number.
    sent_at: Vec<Option<u64>>,
    started: u64,
    /// When something was last sent.
    current: u64,
    tokens: i64,
    starved: i64,
    first: bool,
    /// When it ends, if that is known.
    alarm: Option<u64>,
    waits_for_last: bool,
    exiting: bool,
}

/// Runs `ping` with these arguments.
pub(crate) fn run<C: Console>(machine: &mut Machine<C>, arguments: &[String], v6: bool) -> i32 {
    let options = match read_options(arguments, v6) {
        Ok(options) => options,
        Err(Stop { text, error, status }) => {
            if error {
                machine.err(&text)
            } else {
                machine.out(&text)
            }
            return status;
        }
    };
    let netns = machine.here();
    match resolve(machine, netns, &options) {
        Ok((target, scope)) => start(machine, netns, options, target, scope),
        Err(complaint) => fail(machine, &complaint),
    }
}

fn fail<C: Console>(machine: &mut Machine<C>, complaint: &str) -> i32 {
    machine.err(&format!("ping: {complaint}\n"));
    2
}

/// The address that a name means, and the link of a link-local one.
fn resolve<C: Console>(
    machine: &mut Machine<C>,
    netns: NetnsId,
    options: &Options,
) -> Result<(IpAddr, Option<u32>), String> {
    let unknown = || format!("{}: Name or service not known", options.target);
    let (name, scope) = match options.target.split_once('%') {
        Some((name, scope)) => (name, Some(scope)),
        None => (options.target.as_str(), None),
    };
    let scope = match scope {
        Some(scope) => {
            let found = machine.kernel().0.link_index(netns, scope).or_else(|| scope.parse().ok());
            Some(found.ok_or_else(unknown)?)
        }
        None => None,
    };
    let family = options.family;
    let v6 = name.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::V6);
    let v4 = words::inet_aton(name).map(|address| IpAddr::V4(Ipv4Addr::from_bits(address)));
    let local = (name == "localhost").then(|| match family {
        Some(6) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16]),
        _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
    });
    let found = v4.or(v6).or(local).ok_or_else(unknown)?;
    match (found, family) {
        (IpAddr::V4(_), Some(6)) | (IpAddr::V6(_), Some(4)) => {
            Err(format!("{}: Address family for hostname not supported", options.target))
        }
        _ => Ok((found, scope)),
    }
}

fn start<C: Console>(
    machine: &mut Machine<C>,
    netns: NetnsId,
    options: Options,
    target: IpAddr,
    scope: Option<u32>,
) -> i32 {
    let protocol = if target.is_ipv4() { Protocol::Icmp } else { Protocol::Icmp6 };
    let opened = machine.kernel().0.open_socket(netns, protocol);
    let socket = match opened {
        Ok(socket) => socket,
        Err(errno) => return fail(machine, &format!("socket: {errno}")),
    };
    let started = machine.kernel().1.0;
    let mut ping = Ping {
        machine,
        netns,
        options,
        socket,
        target,
        scope,
        identifier: 1,
        counts: Counts::default(),
        seen: BTreeSet::new(),
        sent_at: vec![None; 1 << 16],
        started,
        current: started,
        tokens: 0,
        starved: 0,
        first: true,
        alarm: None,
        waits_for_last: false,
        exiting: false,
    };
    let status = ping.run();
    ping.machine.kernel().0.close_socket(socket);
    status
}

/// Whether an address means nothing without its link.
fn is_narrow(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.octets()[..2] == [0xff, 2]
}

impl<C: Console> Ping<'_, C> {
    fn now(&mut self) -> u64 {
        self.machine.kernel().1.0
    }

    fn kernel<T>(&mut self, deed: impl FnOnce(&mut Kernel, Instant) -> T) -> T {
        let (mut kernel, now) = self.machine.kernel();
        deed(&mut kernel, now)
    }

    fn run(&mut self) -> i32 {
        let source = match self.set_up() {
            Ok(source) => source,
            Err(complaint) => return fail(self.machine, &complaint),
        };
        if self.options.count.is_none() && self.options.deadline.is_none() {
            self.machine.err("netloom: ping would never end here, where time is virtual: say how many with -c, or how long with -w\n");
            return 2;
        }
        if self.target.is_unspecified() {
            self.target = source;
        }
        let device = self.options.device.clone().filter(|_| !self.options.bound_to_address);
        let line = words::heading(&self.options, self.target, source, device.as_deref());
        self.machine.out(&line);
        if let Some(seconds) = self.options.deadline {
            self.alarm = Some(self.started + seconds * 1_000_000);
        }
        self.main_loop();
        self.finish()
    }

    /// Binds the socket and finds the source, as connecting would.
    fn set_up(&mut self) -> Result<IpAddr, String> {
        let mut settings = kernel::Options {
            device: self.scope.or(self.machine.bound_to()),
            ttl: self.options.ttl,
            tos: self.options.tos,
            mark: self.options.mark,
            cutting: self.options.cutting.unwrap_or(Cutting::Want),
            ..kernel::Options::default()
        };
        let netns = self.netns;
        if let Some(named) = self.options.device.clone() {
            match named.parse::<IpAddr>() {
                Ok(address) if address.is_ipv4() == self.target.is_ipv4() => {
                    self.options.bound_to_address = true;
                    settings.source = Some(address);
                }
                _ => match self.kernel(|kernel, _| kernel.link_index(netns, &named)) {
                    Some(ifindex) => settings.device = Some(ifindex),
                    None => return Err(format!("SO_BINDTODEVICE {named}: No such device")),
                },
            }
        }
        let socket = self.socket;
        self.kernel(|kernel, _| kernel.set_socket(socket, settings))
            .map_err(|errno| format!("bind: {errno}"))?;
        let target = self.target;
        let mut source = self.kernel(|kernel, _| kernel.source_for(socket, target));
        if source == Err(Errno::EACCES) && target.is_ipv4() {
            if !self.options.broadcast {
                return Err(
                    "Do you want to ping broadcast? Then -b. If not, check your local firewall rules".into(),
                );
            }
            self.machine.err("WARNING: pinging broadcast address\n");
            settings.broadcast = true;
            let _ = self.kernel(|kernel, _| kernel.set_socket(socket, settings));
            source = self.kernel(|kernel, _| kernel.source_for(socket, target));
        }
        let source = source.map_err(|errno| format!("connect: {errno}"))?;
        if let Some(ifindex) = settings.device.filter(|_| self.options.device.is_some()) {
            let own = self.kernel(|kernel, _| kernel.link_addresses(netns, ifindex));
            // To an address of one link the source is left to the kernel.
            let narrow = matches!(target, IpAddr::V6(target) if is_narrow(target));
            if narrow || !own.contains(&source) {
                let name = self.options.device.clone().unwrap_or_default();
                self.machine.err(&format!(
                    "ping: Warning: source address might be selected on device other than: {name}\n"
                ));
            }
            if narrow {
                return Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
            }
        }
        Ok(source)
    }

    fn main_loop(&mut self) {
        loop {
            let counts = &self.counts;
            let enough = self.options.count.is_some_and(|count| counts.received + counts.errors >= count);
            if self.exiting || enough || self.options.deadline.is_some() && counts.errors > 0 {
                return;
            }
            let mut next = self.pinger();
            if self.all_sent() {
                next = self.schedule_exit(next);
            }
            while next <= 0 {
                next = self.pinger();
                if self.all_sent() {
                    next = self.schedule_exit(next);
                }
            }
            self.wait(next as u64 * MILLISECOND);
        }
    }

    fn all_sent(&self) -> bool {
        let all = self.options.count.is_some_and(|count| self.counts.transmitted >= count);
        all && self.options.deadline.is_none()
    }

    /// The last packet was sent: how long to wait for its answer.
    fn schedule_exit(&mut self, next: i64) -> i64 {
        if self.waits_for_last {
            return next;
        }
        self.waits_for_last = true;
        let wait = match self.counts.received {
            0 => self.options.linger * MILLISECOND,
            _ => (2 * self.counts.most).max(self.options.interval as u64 * MILLISECOND),
        };
        self.alarm = Some(self.now() + wait);
        next.max((wait / MILLISECOND) as i64).max(1)
    }

    /// Sends a packet if its time has come; gives the milliseconds until the next.
    fn pinger(&mut self) -> i64 {
        if self.exiting || self.all_sent() {
            return 1000;
        }
        let interval = self.options.interval;
        let now = self.now();
        if self.first {
            self.first = false;
            self.current = now;
            self.tokens = interval * (self.options.preload - 1);
        } else {
            let passed = ((now - self.current) / MILLISECOND) as i64;
            if interval == 0 && passed < MINIMAL && self.counts.in_flight() >= self.options.preload as u64 {
                return MINIMAL - passed;
            }
            let tokens = (passed + self.tokens).min(interval * self.options.preload);
            if tokens < interval {
                return interval - tokens;
            }
            self.current = now;
            self.tokens = tokens - interval;
        }
        match self.send() {
            Ok(()) => {
                self.starved = 0;
                self.counts.transmitted += 1;
                if self.options.flood && !self.options.quiet {
                    self.machine.out(".");
                }
                interval - self.tokens
            }
            Err(errno) => self.not_sent(errno),
        }
    }

    /// A packet could not be sent.
    fn not_sent(&mut self, errno: Errno) -> i64 {
        let interval = self.options.interval;
        let mut silent = false;
        if errno == Errno::ENOBUFS {
            self.tokens = 0;
            let pause = (interval / 2).min(500);
            self.starved += 1;
            if self.starved * pause < self.options.linger as i64 && pause > 0 {
                return pause;
            }
        } else {
            let (network, local) = self.hear_faults();
            if network > 0 {
                self.tokens += interval;
                return MINIMAL;
            }
            silent = local > 0;
        }
        self.counts.transmitted += 1;
        if !silent && !self.options.quiet {
            self.machine.err(&format!("ping: sendmsg: {errno}\n"));
        }
        self.tokens = 0;
        interval
    }

    fn send(&mut self) -> Result<(), Errno> {
        let sequence = (self.counts.transmitted + 1) as u16;
        let kind = if self.target.is_ipv4() { ECHO_REQUEST } else { ECHO_REQUEST6 };
        let mut message = vec![0; 8 + self.options.size];
        message[0] = kind;
        message[4..6].copy_from_slice(&self.identifier.to_be_bytes());
        message[6..8].copy_from_slice(&sequence.to_be_bytes());
        for (at, byte) in message[8..].iter_mut().enumerate() {
            *byte = at as u8;
        }
        if self.target.is_ipv4() {
            let sum = words::checksum(&message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        self.sent_at[usize::from(sequence)] = Some(self.now());
        self.seen.remove(&sequence);
        let (socket, to) = (self.socket, SocketAddr::new(self.target, 0));
        self.kernel(|kernel, now| kernel.send(now, socket, to, &message))
    }

    /// Lets time pass, up to so many microseconds, until something came or it is time to end.
    fn wait(&mut self, micros: u64) {
        let end = self.now() + micros;
        let end = self.alarm.map_or(end, |alarm| alarm.min(end));
        loop {
            if self.hear() {
                return;
            }
            let now = self.now();
            if now >= end {
                break;
            }
            let next = self.kernel(|kernel, _| kernel.next_timeout()).map_or(end, |next| next.0);
            self.machine.pass_until_heard(next.clamp(now, end) - now);
        }
        if self.alarm.is_some_and(|alarm| self.now() >= alarm) {
            self.exiting = true;
        }
    }

    /// Takes what came; says whether something counted.
    fn hear(&mut self) -> bool {
        let before = self.counts.received + self.counts.errors + self.counts.repeats;
        let socket = self.socket;
        while let Some(received) = self.kernel(|kernel, _| kernel.receive_from(socket)) {
            self.answer(&received);
            // With nothing under way, more is read only after the next round's questions were asked.
            if self.counts.in_flight() == 0 {
                break;
            }
        }
        self.hear_faults();
        before != self.counts.received + self.counts.errors + self.counts.repeats
    }

    fn answer(&mut self, received: &Received) {
        let message = &received.payload;
        let kind = if self.target.is_ipv4() { ECHO_REPLY } else { ECHO_REPLY6 };
        if message.len() < 8 || message[0] != kind || message[4..6] != self.identifier.to_be_bytes() {
            return;
        }
        let sequence = u16::from_be_bytes([message[6], message[7]]);
        let from = received.from.ip();
        let broadcast = self.options.broadcast || self.target.is_multicast();
        let elsewhere = from != self.target && !broadcast;
        // A trip takes its time, but for one that waited for a neighbour and has taken it already.
        let sent = self.sent_at[usize::from(sequence)].unwrap_or(0);
        let now = self.now();
        if now < sent + TRIP {
            self.machine.pass(sent + TRIP - now);
        }
        let trip = self.now() - sent;
        self.counts.received += 1;
        self.counts.acknowledge(sequence);
        let timed = self.options.size >= STAMP;
        let repeat = !self.seen.insert(sequence);
        if repeat {
            self.counts.received -= 1;
            self.counts.repeats += 1;
        } else if timed {
            self.counts.time(trip);
        }
        if self.options.quiet {
            return;
        }
        if self.options.flood {
            return self.machine.out("\u{8} \u{8}");
        }
        let netns = self.netns;
        let link = words::is_link_local(from)
            .then(|| self.kernel(|kernel, _| kernel.link_name(netns, received.ifindex)))
            .flatten();
        let from = words::address(from, link.as_deref());
        let mut line =
            format!("{} bytes from {from}: icmp_seq={sequence} ttl={}", message.len(), received.ttl);
        if timed {
            line.push_str(&words::time(trip));
        }
        if repeat {
            line.push_str(" (DUP!)");
        }
        if elsewhere {
            line.push_str(" (DIFFERENT ADDRESS!)");
        }
        line.push('\n');
        self.machine.out(&line);
    }

    /// Takes the errors that came: how many from outside, and how many of this host's own.
    fn hear_faults(&mut self) -> (u64, u64) {
        let (mut network, mut local) = (0, 0);
        let socket = self.socket;
        while let Some(fault) = self.kernel(|kernel, _| kernel.fault(socket)) {
            match fault.offender {
                None => {
                    local += 1;
                    self.counts.errors += 1;
                    if !self.options.quiet {
                        let line = words::local_error(&fault, self.target.is_ipv4());
                        self.machine.err(&line);
                    }
                }
                Some(offender) if self.is_about_us(&fault) => {
                    network += 1;
                    self.network_error(offender, &fault);
                }
                Some(_) => {}
            }
        }
        (network, local)
    }

    /// Whether an error is about a packet of this ping: every ping hears those of all.
    fn is_about_us(&self, fault: &Fault) -> bool {
        let kind = if self.target.is_ipv4() { ECHO_REQUEST } else { ECHO_REQUEST6 };
        let sent = &fault.payload;
        fault.destination == Some(self.target)
            && sent.len() >= 8
            && sent[0] == kind
            && sent[4..6] == self.identifier.to_be_bytes()
    }

    fn network_error(&mut self, offender: IpAddr, fault: &Fault) {
        let sequence = u16::from_be_bytes([fault.payload[6], fault.payload[7]]);
        self.counts.acknowledge(sequence);
        self.counts.errors += 1;
        if self.options.quiet {
            return;
        }
        if self.options.flood {
            return self.machine.out("\u{8}E");
        }
        let what = if self.target.is_ipv4() {
            words::error4(fault.kind, fault.code, fault.info)
        } else {
            words::error6(fault.kind, fault.code, fault.info)
        };
        let from = words::address(offender, None);
        self.machine.out(&format!("From {from} icmp_seq={sequence} {what}\n"));
    }

    fn finish(&mut self) -> i32 {
        let passed = (self.current - self.started + MILLISECOND / 2) / MILLISECOND;
        let text = words::statistics(&self.options.target, &self.counts, passed, self.options.size >= STAMP);
        self.machine.out(&text);
        let short = self.options.count.is_some_and(|count| self.counts.received < count);
        i32::from(self.counts.received == 0 || self.options.deadline.is_some() && short)
    }
}
