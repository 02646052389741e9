//! Clients: the kernel's end of netlink sockets. What waits for them, their groups, the dump they are reading.
//!
//! A client has one dump under way at most, and it is written piece by piece as the client reads, so that listing
//! many links needs little memory. What waits is bounded: a client that does not read loses notifications, and is
//! told so once by ENOBUFS, as a socket whose buffer is full.

use crate::device::DeviceId;
use crate::netlink_tap::{Heading, NETLINK_ROUTE};
use crate::netns::{ListKey, NetnsId};
use crate::rtnl::room::{Progress, Shown};
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::{Header, Refusal};
use std::collections::{BTreeSet, VecDeque};

/// Bytes that wait for one client at most.
pub(crate) const QUEUE_BYTES: usize = 4 << 20;
/// Clients at one time at most.
pub(crate) const CLIENTS: usize = 1 << 16;

/// A client's handle.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId {
    slot: u32,
    generation: u32,
}

impl ClientId {
    /// The port number in messages to this client; never 0, which is the kernel's.
    pub(crate) fn port(self) -> u32 {
        self.slot + 1
    }
}

/// What a dump has still to tell.
#[derive(Clone, Debug)]
pub(crate) struct Dump {
    /// The request's header, for the replies'.
    pub request: Header,
    pub progress: Progress,
    pub what: DumpKind,
}

/// The tables that can be dumped.
#[derive(Clone, Debug)]
pub(crate) enum DumpKind {
    /// Links, from a place in the listing on.
    Links { viewed: NetnsId, after: Option<ListKey>, filter: LinkFilter, sequence: u32 },
    /// Identifiers of namespaces, from one on.
    NetnsIds { viewed: NetnsId, current: Option<NetnsId>, from: u32 },
    /// What was written down when it was asked for, and a refusal behind it.
    Pieces { pieces: VecDeque<Vec<u8>>, failure: Option<Refusal> },
    /// What bridges know.
    Bridge(Box<crate::rtnl::bridge_dump::BridgeDump>),
    /// Nothing: the end is told at once.
    Nothing,
}

/// Which links a dump tells of.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkFilter {
    pub kind: Option<&'static crate::link::Type>,
    pub master: Option<DeviceId>,
    /// Only links that are nobody's port.
    pub without_master: bool,
    /// An index that no device has: nothing passes.
    pub nothing: bool,
    /// What the client wants and does not want of links (`RTEXT_FILTER_*`).
    pub mask: u32,
    /// The identifier under which the client named the namespace.
    pub target: Option<i32>,
}

/// A client.
pub(crate) struct Client {
    pub netns: NetnsId,
    /// The protocol of netlink that it speaks.
    pub protocol: u16,
    groups: BTreeSet<u32>,
    /// Whether it hears of every namespace that has an identifier in its own (`NETLINK_LISTEN_ALL_NSID`).
    listens_to_all: bool,
    queue: VecDeque<Waiting>,
    queued: usize,
    overrun: bool,
    /// Where the datagram came from that was read last.
    sender: Option<u32>,
    pub dump: Option<Dump>,
    /// The room that it had for what it read.
    pub shown: Shown,
}

/// A datagram, and the identifier of the namespace that it comes from; none for the client's own.
struct Waiting {
    datagram: Vec<u8>,
    sender: Option<u32>,
}

struct Slot {
    generation: u32,
    client: Option<Client>,
}

/// All clients.
#[derive(Default)]
pub(crate) struct Clients {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Who listens: (namespace, group, client's slot). Empty almost always, and then notifications cost nothing.
    members: BTreeSet<(NetnsId, u32, u32)>,
    /// Those of them that hear of other namespaces as well: (group, client's slot, namespace).
    far: BTreeSet<(u32, u32, NetnsId)>,
}

impl Clients {
    pub(crate) fn open(&mut self, netns: NetnsId, protocol: u16) -> Result<ClientId, Errno> {
        let client = Client {
            netns,
            protocol,
            groups: BTreeSet::new(),
            listens_to_all: false,
            queue: VecDeque::new(),
            queued: 0,
            overrun: false,
            sender: None,
            dump: None,
            shown: Shown::default(),
        };
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() >= CLIENTS => return Err(Errno::ENFILE),
            None => {
                self.slots.push(Slot { generation: 0, client: None });
                (self.slots.len() - 1) as u32
            }
        };
        let place = &mut self.slots[slot as usize];
        place.client = Some(client);
        Ok(ClientId { slot, generation: place.generation })
    }

    pub(crate) fn close(&mut self, id: ClientId) {
        let Some(client) = self.get_mut(id) else { return };
        let (netns, groups) = (client.netns, std::mem::take(&mut client.groups));
        for group in groups {
            self.members.remove(&(netns, group, id.slot));
            self.far.remove(&(group, id.slot, netns));
        }
        let slot = &mut self.slots[id.slot as usize];
        slot.client = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
    }

    pub(crate) fn get(&self, id: ClientId) -> Option<&Client> {
        self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?.client.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.client.as_mut()
    }

    pub(crate) fn join(&mut self, id: ClientId, group: u32) -> Result<(), Errno> {
        let client = self.get_mut(id).ok_or(Errno::EBADF)?;
        client.groups.insert(group);
        let (netns, far) = (client.netns, client.listens_to_all);
        self.members.insert((netns, group, id.slot));
        if far {
            self.far.insert((group, id.slot, netns));
        }
        Ok(())
    }

    pub(crate) fn listen_to_all(&mut self, id: ClientId) -> Result<(), Errno> {
        let client = self.get_mut(id).ok_or(Errno::EBADF)?;
        client.listens_to_all = true;
        let netns = client.netns;
        let groups: Vec<u32> = client.groups.iter().copied().collect();
        self.far.extend(groups.into_iter().map(|group| (group, id.slot, netns)));
        Ok(())
    }

    /// The clients that listen to that group in that namespace.
    fn near(&self, netns: NetnsId, group: u32) -> impl Iterator<Item = u32> + '_ {
        self.members.range((netns, group, 0)..=(netns, group, u32::MAX)).map(|(_, _, slot)| *slot)
    }

    /// The clients that listen to that group in other namespaces too, each with its own.
    fn far(&self, group: u32) -> impl Iterator<Item = (u32, NetnsId)> + '_ {
        let end = (group, u32::MAX, NetnsId(u32::MAX));
        self.far.range((group, 0, NetnsId(0))..=end).map(|(_, slot, netns)| (*slot, *netns))
    }
}

impl World {
    /// Whether anyone hears of that group in that namespace.
    pub(crate) fn listens(&self, netns: NetnsId, group: u32) -> bool {
        let clients = &self.clients;
        !clients.members.is_empty()
            && (clients.near(netns, group).next().is_some()
                || clients.far(group).any(|(_, viewer)| self.sender_id(viewer, netns).is_some()))
    }

    /// Sends a datagram to all who hear of that group in that namespace.
    pub(crate) fn publish(&mut self, netns: NetnsId, group: u32, datagram: &[u8]) {
        let clients = &self.clients;
        let near = clients.near(netns, group).map(|slot| (slot, None));
        let far = clients.far(group).filter(|(_, viewer)| *viewer != netns);
        let far = far.filter_map(|(slot, viewer)| Some((slot, Some(self.sender_id(viewer, netns)?))));
        let listeners: Vec<(u32, Option<u32>)> = near.chain(far).collect();
        for (slot, sender) in listeners {
            let place = self.clients.slots.get_mut(slot as usize);
            if let Some(client) = place.and_then(|slot| slot.client.as_mut()) {
                client.push_from(datagram.to_vec(), sender);
                let netns = client.netns;
                self.tap_netlink(netns, NETLINK_ROUTE, Heading::User, datagram);
            }
        }
    }

    fn sender_id(&self, viewer: NetnsId, netns: NetnsId) -> Option<u32> {
        self.space(viewer).ok()?.id_of(netns)
    }
}

impl Client {
    /// Lets a datagram wait for the client, if there is room.
    pub(crate) fn push(&mut self, datagram: Vec<u8>) {
        self.push_from(datagram, None);
    }

    fn push_from(&mut self, datagram: Vec<u8>, sender: Option<u32>) {
        if self.queued + datagram.len() > QUEUE_BYTES {
            self.overrun = true;
            return;
        }
        self.queued += datagram.len();
        self.queue.push_back(Waiting { datagram, sender });
    }

    /// The oldest datagram; ENOBUFS once after some were lost.
    pub(crate) fn pop(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        if std::mem::take(&mut self.overrun) {
            return Err(Errno::ENOBUFS);
        }
        let Some(Waiting { datagram, sender }) = self.queue.pop_front() else { return Ok(None) };
        self.queued -= datagram.len();
        self.sender = sender;
        Ok(Some(datagram))
    }

    /// The identifier of the namespace that the datagram comes from that was read last; none for the client's own.
    pub(crate) fn sender(&self) -> Option<u32> {
        self.sender
    }
}
