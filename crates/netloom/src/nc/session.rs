//! One `nc` from its beginning to its end: whom it listens for or asks, and what it says of that.

use super::line::Line;
use super::options::{Options, Stop, own_port, wrong};
use super::services;
use super::talk::Talk;
use crate::ping_words::inet_aton;
use kernel::{Instant, Kernel, NetnsId, Protocol, SocketId, TcpId, TcpState};
use rtnl::errno::Errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SECOND: u64 = 1_000_000;
/// For so many seconds somebody who was sent something has time to say that nobody is there.
const TEST: u64 = 3;
/// Ports that are tried for one that is free.
const TRIES: u64 = 64;

/// Where it is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub netns: NetnsId,
    /// The link that its sockets are bound to; 0: none.
    pub device: u32,
}

enum Stage {
    /// Waits for somebody.
    Listening,
    /// The next of the ways is to be tried.
    Next,
    /// Has asked; the time at which that is too long.
    Asking {
        id: TcpId,
        until: u64,
    },
    /// Has sent something to see whether nobody is there; more is sent so often, then.
    Testing {
        line: Line,
        left: u64,
        at: u64,
    },
    Talking(Talk),
    Over,
}

/// A line of what it says.
pub(super) enum Said {
    Out(String),
    Err(String),
}

/// A running `nc`.
pub(crate) struct Session {
    options: Options,
    place: Place,
    /// Whom it goes to, or where it listens.
    address: IpAddr,
    /// Where it is bound to before it asks; 0: to any port.
    own: (Option<IpAddr>, u16),
    input: Vec<u8>,
    stage: Stage,
    listener: Option<TcpId>,
    /// How many ports were tried.
    tried: usize,
    seed: u64,
    said: Vec<Said>,
    pub(super) status: i32,
}

/// The address that a name means (`getaddrinfo`), and the link that is named behind `%`.
fn resolve(
    kernel: &Kernel,
    place: Place,
    name: &str,
    family: Option<u8>,
) -> Result<(IpAddr, u32), &'static str> {
    const UNKNOWN: &str = "Name or service not known";
    let (plain, scope) = name.split_once('%').map_or((name, None), |(plain, scope)| (plain, Some(scope)));
    let device = match scope {
        None => place.device,
        Some(scope) => kernel.ifindex(place.netns, scope).ok_or(UNKNOWN)?,
    };
    let found = match (inet_aton(name), plain.parse::<Ipv6Addr>()) {
        (Some(bits), _) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
        (None, Ok(address)) => IpAddr::V6(address),
        (None, Err(_)) if name != "localhost" => return Err(UNKNOWN),
        (None, Err(_)) if family == Some(6) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        (None, Err(_)) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let fits = family.is_none_or(|family| (family == 4) == found.is_ipv4());
    if fits { Ok((found, device)) } else { Err("Address family for hostname not supported") }
}

/// An address of the host's own that is named.
fn own_address(kernel: &Kernel, place: Place, name: &str, family: Option<u8>) -> Result<IpAddr, Stop> {
    let found = resolve(kernel, place, name, family);
    found.map(|(address, _)| address).map_err(|what| wrong(&format!("getaddrinfo: {what}")))
}

/// Where one that asks is bound to.
fn bound_to(
    kernel: &Kernel,
    place: Place,
    options: &Options,
    v4: bool,
) -> Result<(Option<IpAddr>, u16), Stop> {
    let port = options.local_port.as_deref().map_or(Ok(0), own_port)?;
    let family = Some(if v4 { 4 } else { 6 });
    let source =
        options.source.as_deref().map(|name| own_address(kernel, place, name, family)).transpose()?;
    Ok((source, port))
}

impl Session {
    /// Begins; what is read is `input`.
    pub(super) fn begin(
        kernel: &mut Kernel,
        mut place: Place,
        options: Options,
        input: Vec<u8>,
        seed: u64,
    ) -> Result<Session, Stop> {
        let address = match (&options.host, options.listen) {
            (Some(host), true) => own_address(kernel, place, host, options.family)?,
            (Some(host), false) => {
                let found = resolve(kernel, place, host, options.family).map_err(|what| {
                    let port = options.ports.first().copied().unwrap_or(0);
                    wrong(&format!("getaddrinfo for host \"{host}\" port {port}: {what}"))
                });
                let (address, device) = found?;
                place.device = device;
                address
            }
            (None, _) if options.family == Some(6) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            (None, _) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let own = bound_to(kernel, place, &options, address.is_ipv4())?;
        let mut session = Session {
            input: if options.crlf { with_carriage_returns(&input) } else { input },
            options,
            place,
            address,
            own,
            stage: Stage::Next,
            listener: None,
            tried: 0,
            seed,
            said: Vec::new(),
            status: 1,
        };
        if session.options.listen {
            session.listen(kernel)?;
        }
        Ok(session)
    }

    /// Whether it waits for others to begin.
    pub(super) fn listens(&self) -> bool {
        self.options.listen
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Ends it, whatever it waits for.
    pub(super) fn end(&mut self, kernel: &mut Kernel, now: Instant) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Asking { id, .. } => kernel.tcp_close(now, id),
            Stage::Testing { line, .. } => line.close(kernel, now),
            Stage::Talking(talk) => talk.line.close(kernel, now),
            Stage::Listening | Stage::Next | Stage::Over => {}
        }
        if let Some(listener) = self.listener.take() {
            kernel.tcp_close(now, listener);
        }
    }

    /// What it has said since.
    pub(super) fn take_said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    /// When it looks again though nothing comes.
    pub(super) fn due(&self) -> Option<u64> {
        match &self.stage {
            Stage::Listening | Stage::Over => None,
            Stage::Next => Some(0),
            Stage::Asking { until, .. } => Some(*until).filter(|until| *until != u64::MAX),
            Stage::Testing { at, .. } => Some(*at),
            Stage::Talking(talk) => talk.due(&self.options),
        }
    }

    fn listen(&mut self, kernel: &mut Kernel) -> Result<(), Stop> {
        let (ip, port) = (self.address, self.options.ports.first().copied().unwrap_or(0));
        let refused = |errno: Errno| wrong(&errno.to_string());
        if self.options.udp {
            let socket = self.bind(kernel, Some(ip), port).map_err(refused)?;
            self.stage = Stage::Talking(Talk::new(Line::Udp(socket, None), Instant(0), 0));
        } else {
            let Place { netns, device } = self.place;
            let listener = kernel.tcp_listen(netns, SocketAddr::new(ip, port), device).map_err(refused)?;
            self.listener = Some(listener);
            self.stage = Stage::Listening;
        }
        if self.options.verbose {
            let what = if self.options.udp { "Bound" } else { "Listening" };
            self.complain(&format!("{what} on {} {port}", self.name_of(ip)));
        }
        Ok(())
    }

    /// A socket of UDP at an address and a port; 0: one that is free.
    fn bind(&mut self, kernel: &mut Kernel, source: Option<IpAddr>, port: u16) -> Result<SocketId, Errno> {
        let protocol = if self.address.is_ipv6() { Protocol::Udp6 } else { Protocol::Udp };
        let socket = kernel.open_socket(self.place.netns, protocol)?;
        let device = Some(self.place.device).filter(|device| *device != 0);
        let tries = if port == 0 { TRIES } else { 1 };
        let mut bound = Err(Errno::EADDRINUSE);
        for _ in 0..tries {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let free = 32_768 + (self.seed >> 33) % 28_232;
            let port = if port == 0 { free as u16 } else { port };
            let broadcast = self.options.broadcast;
            let settings = kernel::Options { source, device, port, broadcast, ..kernel::Options::default() };
            bound = kernel.set_socket(socket, settings);
            if bound != Err(Errno::EADDRINUSE) {
                break;
            }
        }
        if bound.is_err() {
            kernel.close_socket(socket);
        }
        bound.map(|()| socket)
    }

    fn complain(&mut self, text: &str) {
        self.said.push(Said::Err(format!("{text}\n")));
    }

    fn name_of(&self, ip: IpAddr) -> String {
        if ip.is_loopback() && !self.options.numeric { "localhost".into() } else { ip.to_string() }
    }

    /// Goes on as far as it can; says whether anything moved.
    pub(super) fn step(&mut self, kernel: &mut Kernel, now: Instant) -> bool {
        let mut any = false;
        loop {
            let moved = match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Over => return any,
                Stage::Listening => self.accept(kernel, now),
                Stage::Next => self.next(kernel, now),
                Stage::Asking { id, until } => self.asked(kernel, now, id, until),
                Stage::Testing { line, left, at } => self.test(kernel, now, line, left, at),
                Stage::Talking(talk) => self.talk(kernel, now, talk),
            };
            any |= moved;
            if !moved {
                return any;
            }
        }
    }

    /// Tries the next port.
    fn next(&mut self, kernel: &mut Kernel, now: Instant) -> bool {
        let Some(port) = self.options.ports.get(self.tried).copied() else { return false };
        self.tried += 1;
        let to = SocketAddr::new(self.address, port);
        // Whether the address and the port are its own to take is the same question for both protocols.
        let socket = match self.bind(kernel, self.own.0, if self.options.udp { self.own.1 } else { 0 }) {
            Ok(socket) => socket,
            Err(errno) => return self.not_bound(errno),
        };
        if self.options.udp {
            return self.ask_udp(kernel, now, socket, to);
        }
        kernel.close_socket(socket);
        let (source, own_port) = self.own;
        let unspecified: IpAddr =
            if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let from = SocketAddr::new(source.unwrap_or(unspecified), own_port);
        match kernel.tcp_connect(now, self.place.netns, Some(from), to, self.place.device) {
            Ok(id) => {
                let patience = self.options.timeout.map(|seconds| now.0.saturating_add(seconds * SECOND));
                self.stage = Stage::Asking { id, until: patience.unwrap_or(u64::MAX) };
            }
            Err(Errno::EADDRINUSE) => return self.not_bound(Errno::EADDRINUSE),
            Err(errno) => self.failed(&format!("failed: {errno}")),
        }
        true
    }

    fn not_bound(&mut self, errno: Errno) -> bool {
        self.complain(&format!("nc: bind failed: {errno}"));
        self.status = 1;
        false
    }

    /// The port that is being tried.
    fn port(&self) -> u16 {
        self.options.ports.get(self.tried.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// The host as it was named, and its address if that is another text.
    fn host(&self) -> String {
        let (named, address) = (self.options.host.clone().unwrap_or_default(), self.address.to_string());
        if named == address || self.place.device != 0 { named } else { format!("{named} ({address})") }
    }

    /// A way did not work: the next is tried.
    fn failed(&mut self, how: &str) {
        if self.options.verbose {
            let protocol = if self.options.udp { "udp" } else { "tcp" };
            self.complain(&format!("nc: connect to {} port {} ({protocol}) {how}", self.host(), self.port()));
        }
        self.stage = Stage::Next;
    }

    fn asked(&mut self, kernel: &mut Kernel, now: Instant, id: TcpId, until: u64) -> bool {
        match kernel.tcp_state(id) {
            Ok(TcpState::Connecting) if now.0 < until => {
                self.stage = Stage::Asking { id, until };
                return false;
            }
            Ok(TcpState::Connecting) => {
                kernel.tcp_close(now, id);
                self.failed("timed out: Operation now in progress");
            }
            Ok(_) => self.connected(kernel, now, Line::Tcp(id)),
            Err(errno) => {
                kernel.tcp_close(now, id);
                self.failed(&format!("failed: {errno}"));
            }
        }
        true
    }

    fn connected(&mut self, kernel: &mut Kernel, now: Instant, line: Line) {
        self.status = 0;
        if self.options.verbose {
            let (udp, port) = (self.options.udp, self.port());
            let name = services::name_of(port, udp).filter(|_| !self.options.numeric).unwrap_or("*");
            let protocol = if udp { "udp" } else { "tcp" };
            let host = self.host();
            self.complain(&format!("Connection to {host} {port} port [{protocol}/{name}] succeeded!"));
        }
        if self.options.scan {
            line.close(kernel, now);
            self.stage = Stage::Next;
        } else {
            self.stage = Stage::Talking(Talk::new(line, now, 0));
        }
    }

    /// There is nobody to ask with datagrams; who wants to hear more looks whether something comes back.
    fn ask_udp(&mut self, kernel: &mut Kernel, now: Instant, socket: SocketId, to: SocketAddr) -> bool {
        if let Err(errno) = kernel.source_for(socket, to.ip()) {
            kernel.close_socket(socket);
            self.failed(&format!("failed: {errno}"));
            return true;
        }
        let line = Line::Udp(socket, Some(to));
        if !self.options.verbose {
            self.connected(kernel, now, line);
            return true;
        }
        let sent = line.send(kernel, now, b"X");
        if sent.is_ok() {
            let left = self.options.timeout.unwrap_or(TEST);
            self.test(kernel, now, line, left + 1, now.0)
        } else {
            line.close(kernel, now);
            self.status = 1;
            self.stage = Stage::Next;
            true
        }
    }

    fn test(&mut self, kernel: &mut Kernel, now: Instant, line: Line, left: u64, at: u64) -> bool {
        if now.0 < at {
            self.stage = Stage::Testing { line, left, at };
            return false;
        }
        if left == 0 {
            self.connected(kernel, now, line);
        } else if line.send(kernel, now, b"X") == Err(Errno::ECONNREFUSED) {
            line.close(kernel, now);
            self.status = 1;
            self.stage = Stage::Next;
        } else {
            let wait = if left == 1 { 0 } else { SECOND };
            self.stage = Stage::Testing { line, left: left - 1, at: now.0.saturating_add(wait) };
        }
        true
    }

    fn accept(&mut self, kernel: &mut Kernel, now: Instant) -> bool {
        self.stage = Stage::Listening;
        let Some((id, from)) = self.listener.and_then(|listener| kernel.tcp_accept(listener)) else {
            return false;
        };
        self.received_from(from);
        self.stage = Stage::Talking(Talk::new(Line::Tcp(id), now, 0));
        true
    }

    fn received_from(&mut self, from: SocketAddr) {
        if self.options.verbose {
            self.complain(&format!("Connection received on {} {}", self.name_of(from.ip()), from.port()));
        }
    }

    /// Somebody has sent a datagram to one that listens: all others are nothing to it from now on.
    fn greet(&mut self, kernel: &mut Kernel, now: Instant, socket: SocketId) -> bool {
        let Some(first) = kernel.receive_from(socket) else {
            self.stage = Stage::Talking(Talk::new(Line::Udp(socket, None), now, 0));
            return false;
        };
        self.received_from(first.from);
        self.said.push(Said::Out(String::from_utf8_lossy(&first.payload).into_owned()));
        self.stage = Stage::Talking(Talk::new(Line::Udp(socket, Some(first.from)), now, 1));
        true
    }

    fn talk(&mut self, kernel: &mut Kernel, now: Instant, mut talk: Talk) -> bool {
        if let (Line::Udp(socket, None), false) = (&talk.line, self.options.keep) {
            return self.greet(kernel, now, *socket);
        }
        let mut came = Vec::new();
        let (over, moved) = talk.step(kernel, now, &self.options, &mut self.input, &mut came);
        if !came.is_empty() {
            self.said.push(Said::Out(String::from_utf8_lossy(&came).into_owned()));
        }
        if !over {
            self.stage = Stage::Talking(talk);
            return moved;
        }
        match talk.line {
            Line::Udp(socket, None) => {
                self.stage = Stage::Talking(Talk::new(Line::Udp(socket, None), now, 0));
                return false;
            }
            line => line.close(kernel, now),
        }
        self.status = 0;
        match self.listener {
            Some(_) if self.options.keep => self.stage = Stage::Listening,
            Some(listener) => kernel.tcp_close(now, listener),
            None if self.options.listen => {}
            None => self.stage = Stage::Next,
        }
        true
    }
}

/// Lines that end in carriage return and line feed.
fn with_carriage_returns(input: &[u8]) -> Vec<u8> {
    let ends =
        input.iter().flat_map(|byte| if *byte == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(byte) });
    ends.copied().collect()
}
