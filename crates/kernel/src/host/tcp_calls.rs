//! TCP as programs use it: listen, accept, connect, send, receive and close.

use super::domain;
use super::fib4;
use super::tcp::{Connection, Endpoint, Listener, TcpId, TcpState, drive, forget, unspecified, way};
use super::tcp_machine::{Machine, Stage};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::route::RTN_LOCAL;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

/// The ports that connections get (`ip_local_port_range`).
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=60_999;

impl World {
    pub(crate) fn tcp_listen(&mut self, netns: NetnsId, at: SocketAddr, bound: u32) -> Result<TcpId, Errno> {
        self.space(netns)?;
        let at = SocketAddr::new(at.ip(), at.port());
        let link = match bound {
            0 => None,
            index => Some(self.by_index(netns, index).ok_or(Errno::ENODEV)?),
        };
        let own = at.ip().is_unspecified()
            || match (at.ip(), link) {
                (IpAddr::V4(address), None) => fib4::address_type(self, netns, address, None) == RTN_LOCAL,
                (IpAddr::V4(address), Some(link)) => domain::address_type(self, link, address) == RTN_LOCAL,
                (IpAddr::V6(address), _) => {
                    let through = Some(bound).filter(|bound| *bound != 0);
                    crate::inet6::find_device(self, netns, address, through).is_some()
                }
            };
        if !own {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let clash = |&(of, other, link): &(NetnsId, SocketAddr, u32)| {
            let apart = other.ip() != at.ip() && !other.ip().is_unspecified() && !at.ip().is_unspecified();
            let apart = apart || link != bound && link != 0 && bound != 0;
            (of, other.port(), other.is_ipv4()) == (netns, at.port(), at.is_ipv4()) && !apart
        };
        if at.port() == 0 || self.endpoints.listeners.keys().any(clash) {
            return Err(if at.port() == 0 { Errno::EINVAL } else { Errno::EADDRINUSE });
        }
        let listener = Listener { netns, at, bound, pending: 0, waiting: VecDeque::new() };
        self.endpoints.add(Endpoint::Listener(listener))
    }

    pub(crate) fn tcp_accept(&mut self, id: TcpId) -> Option<(TcpId, SocketAddr)> {
        let listener = self.endpoints.listener(id)?;
        let accepted = listener.waiting.pop_front()?;
        listener.pending = listener.pending.saturating_sub(1);
        let of = self.endpoints.connection(accepted)?;
        of.held = true;
        of.listener = None;
        Some((accepted, of.remote))
    }

    pub(crate) fn tcp_connect(
        &mut self,
        netns: NetnsId,
        from: Option<SocketAddr>,
        to: SocketAddr,
        ifindex: u32,
    ) -> Result<TcpId, Errno> {
        let to = SocketAddr::new(to.ip(), to.port());
        let source = from.map_or_else(|| unspecified(to.ip()), |from| from.ip());
        let (source, mtu) = way(self, netns, ifindex, source, to.ip())?;
        let domain = self.by_index(netns, ifindex).map_or(0, |link| domain::answer(self, link));
        let port = match from.map_or(0, |from| from.port()) {
            0 => self.free_port(netns, source, to, domain)?,
            port => port,
        };
        let local = SocketAddr::new(source, port);
        if self.endpoints.connections.contains_key(&(netns, local, to, domain)) {
            return Err(Errno::EADDRINUSE);
        }
        let (seed, now) = (self.random(), self.now);
        let machine = Machine::connect(local, to, mtu, seed, now).ok_or(Errno::EADDRNOTAVAIL)?;
        let (listener, held, was_open, fault) = (None, true, false, None);
        let of = Connection {
            netns,
            local,
            remote: to,
            ifindex,
            domain,
            machine,
            listener,
            held,
            was_open,
            fault,
        };
        let id = self.endpoints.add(Endpoint::Connection(Box::new(of)))?;
        drive(self, id, None);
        self.settle();
        self.run();
        Ok(id)
    }

    /// A port for a connection from an address: the first free one behind a random one.
    fn free_port(
        &mut self,
        netns: NetnsId,
        source: IpAddr,
        to: SocketAddr,
        domain: u32,
    ) -> Result<u16, Errno> {
        let count = u64::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        let first = self.random() % count;
        let all = &self.endpoints;
        let mut ports = (0..count).map(|step| EPHEMERAL.start() + ((first + step) % count) as u16);
        let free = |port: &u16| {
            let local = SocketAddr::new(source, *port);
            !all.connections.contains_key(&(netns, local, to, domain)) && !all.is_listened_at(netns, local)
        };
        ports.find(free).ok_or(Errno::EADDRNOTAVAIL)
    }

    pub(crate) fn tcp_state(&mut self, id: TcpId) -> Result<TcpState, Errno> {
        let of = self.endpoints.connection(id).ok_or(Errno::EBADF)?;
        if let Some(errno) = of.fault {
            return Err(errno);
        }
        Ok(match of.machine.stage() {
            Stage::Asking | Stage::Answering => TcpState::Connecting,
            Stage::Open => TcpState::Connected,
            Stage::Over => TcpState::Closed,
        })
    }

    pub(crate) fn tcp_unsent(&mut self, id: TcpId) -> usize {
        self.endpoints.connection(id).map_or(0, |of| of.machine.unsent())
    }

    pub(crate) fn tcp_send(&mut self, id: TcpId, bytes: &[u8]) -> Result<usize, Errno> {
        let of = self.endpoints.connection(id).ok_or(Errno::EBADF)?;
        if let Some(errno) = of.fault {
            return Err(errno);
        }
        let stage = of.machine.stage();
        let taken = of.machine.send(bytes).ok_or(match stage {
            Stage::Asking | Stage::Answering => Errno::EAGAIN,
            _ => Errno::EPIPE,
        })?;
        self.tcp_go_on(id);
        Ok(taken)
    }

    pub(crate) fn tcp_receive(&mut self, id: TcpId, buffer: &mut [u8]) -> Result<usize, Errno> {
        let of = self.endpoints.connection(id).ok_or(Errno::EBADF)?;
        let stage = of.machine.stage();
        match of.machine.receive(buffer) {
            Some(0) => Err(of.fault.unwrap_or(Errno::EAGAIN)),
            Some(count) => {
                self.tcp_go_on(id);
                Ok(count)
            }
            None if of.fault.is_some() => Err(of.fault.unwrap_or(Errno::EAGAIN)),
            None if matches!(stage, Stage::Asking | Stage::Answering) => Err(Errno::EAGAIN),
            None => Ok(0),
        }
    }

    pub(crate) fn tcp_shutdown(&mut self, id: TcpId) {
        if let Some(of) = self.endpoints.connection(id) {
            of.machine.close();
            self.tcp_go_on(id);
        }
    }

    pub(crate) fn tcp_close(&mut self, id: TcpId) {
        if let Some(of) = self.endpoints.connection(id) {
            of.held = false;
            of.machine.close();
            self.tcp_go_on(id);
            // One that was over before has no next step at which it would go.
            if self.endpoints.connection(id).is_some_and(|of| of.machine.stage() == Stage::Over) {
                forget(self, id);
            }
            return;
        }
        let Some(listener) = self.endpoints.listener(id) else { return };
        let key = (listener.netns, listener.at, listener.bound);
        self.endpoints.listeners.remove(&key);
        self.endpoints.all.remove(&id);
        let of_it =
            |endpoint: &Endpoint| matches!(endpoint, Endpoint::Connection(of) if of.listener == Some(id));
        let all = self.endpoints.all.iter();
        let orphans: Vec<TcpId> = all.filter(|(_, endpoint)| of_it(endpoint)).map(|(id, _)| *id).collect();
        for orphan in orphans {
            if let Some(of) = self.endpoints.connection(orphan) {
                of.listener = None;
                of.machine.abort();
            }
            drive(self, orphan, None);
            forget(self, orphan);
        }
        self.settle();
        self.run();
    }

    fn tcp_go_on(&mut self, id: TcpId) {
        drive(self, id, None);
        self.settle();
        self.run();
    }
}
