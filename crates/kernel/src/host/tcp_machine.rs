//! The machine of one TCP connection: a socket of `smoltcp` between two queues of IP packets (RFC 9293).
//!
//! `smoltcp` brings the state machine, the windows, the congestion control and the timers. It sees no network: its
//! cable are two queues, all the world is on its link, and its time and its seed are arguments. Addresses, routes and
//! neighbours are the host's (`tcp`). **Differs from Linux**: selective acknowledgments are sent and not used, and the
//! times of retransmissions are `smoltcp`'s.

use crate::world::Instant;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant as Time};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// Bytes that wait in each direction at most.
const BUFFER: usize = 1 << 16;
/// Packets that a connection makes at once at most.
const PACKETS: usize = 1 << 10;
/// After so many seconds without an answer a connection is given up (`tcp_syn_retries`: 127 s).
const PATIENCE: u64 = 127;
/// The narrowest way that segments are made for: below this the packets are cut.
const NARROWEST: u32 = 256;
/// What is overdue is looked at again after so many microseconds.
const AGAIN: u64 = 1000;

/// The two queues.
struct Cable {
    mtu: u32,
    inward: Option<Vec<u8>>,
    outward: VecDeque<Vec<u8>>,
}

struct Inward(Vec<u8>);

struct Outward<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for Inward {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Outward<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut packet = vec![0; length];
        let result = fill(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Inward;
    type TxToken<'a> = Outward<'a>;

    fn receive(&mut self, _: Time) -> Option<(Inward, Outward<'_>)> {
        let packet = self.inward.take()?;
        Some((Inward(packet), Outward(&mut self.outward)))
    }

    fn transmit(&mut self, _: Time) -> Option<Outward<'_>> {
        (self.outward.len() < PACKETS).then_some(Outward(&mut self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu as usize;
        capabilities
    }
}

/// Where a connection stands, as far as the host has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// It has asked and no answer came.
    Asking,
    /// It was asked and has answered.
    Answering,
    /// It is there, or one side has said its last.
    Open,
    /// It is over.
    Over,
}

/// A connection.
pub(crate) struct Machine {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    cable: Cable,
    local: SocketAddr,
    seed: u64,
}

fn time(now: Instant) -> Time {
    Time::from_micros(i64::try_from(now.0).unwrap_or(i64::MAX))
}

fn interface(cable: &mut Cable, local: IpAddr, seed: u64, now: Instant) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, cable, time(now));
    // A prefix of no bits: everybody is on the link.
    interface.update_ip_addrs(|all| {
        let _ = all.push(IpCidr::new(IpAddress::from(local), 0));
    });
    interface
}

impl Machine {
    fn new(local: SocketAddr, mtu: u32, seed: u64, now: Instant) -> Machine {
        let mut cable = Cable { mtu: mtu.max(NARROWEST), inward: None, outward: VecDeque::new() };
        let interface = interface(&mut cable, local.ip(), seed, now);
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_timeout(Some(Duration::from_secs(PATIENCE)));
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Machine { interface, sockets, handle, cable, local, seed }
    }

    /// One that waits for the first segment to this address; none if there cannot be one.
    pub(crate) fn listen(local: SocketAddr, mtu: u32, seed: u64, now: Instant) -> Option<Machine> {
        let mut machine = Machine::new(local, mtu, seed, now);
        machine.socket().listen(IpEndpoint::from(local)).ok()?;
        Some(machine)
    }

    /// One that asks somebody; none if there cannot be one.
    pub(crate) fn connect(
        local: SocketAddr,
        remote: SocketAddr,
        mtu: u32,
        seed: u64,
        now: Instant,
    ) -> Option<Machine> {
        let mut machine = Machine::new(local, mtu, seed, now);
        let socket = machine.sockets.get_mut::<Socket>(machine.handle);
        let (to, from) = (IpEndpoint::from(remote), IpEndpoint::from(local));
        socket.connect(machine.interface.context(), to, from).ok()?;
        Some(machine)
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// The way became narrower: segments are made for it from now on.
    pub(crate) fn narrow(&mut self, mtu: u32, now: Instant) {
        if mtu < self.cable.mtu && self.cable.mtu > NARROWEST {
            self.cable.mtu = mtu.max(NARROWEST);
            self.interface = interface(&mut self.cable, self.local.ip(), self.seed, now);
        }
    }

    /// Takes a packet of IP, if there is one, and does what is due; gives the packets that this makes.
    pub(crate) fn poll(&mut self, now: Instant, packet: Option<Vec<u8>>) -> VecDeque<Vec<u8>> {
        self.cable.inward = packet;
        self.interface.poll(time(now), &mut self.cable, &mut self.sockets);
        std::mem::take(&mut self.cable.outward)
    }

    /// In how many microseconds something is due.
    pub(crate) fn due_in(&mut self, now: Instant) -> Option<u64> {
        let delay = self.interface.poll_delay(time(now), &self.sockets)?;
        Some(delay.total_micros().max(AGAIN))
    }

    pub(crate) fn stage(&mut self) -> Stage {
        match self.socket().state() {
            State::SynSent => Stage::Asking,
            State::SynReceived => Stage::Answering,
            // A machine that is asked no more has no part to play: listening is the host's.
            State::Closed | State::Listen => Stage::Over,
            _ => Stage::Open,
        }
    }

    /// Takes bytes to send; gives how many there was room for, none if the way out is closed.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Option<usize> {
        self.socket().send_slice(bytes).ok()
    }

    /// Gives bytes that came: some, none yet, or none if no more will come.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.socket().recv_slice(buffer).ok()
    }

    /// How many bytes wait to be sent or acknowledged.
    pub(crate) fn unsent(&mut self) -> usize {
        self.socket().send_queue()
    }

    /// Nothing more will be sent.
    pub(crate) fn close(&mut self) {
        self.socket().close();
    }

    /// It is over at once, and the other side is told.
    pub(crate) fn abort(&mut self) {
        self.socket().abort();
    }
}
