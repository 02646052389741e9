//! Up and down, flags, carrier and operational state (`net/core/dev.c`, `net/core/link_watch.c`, RFC 2863).
//!
//! A change of carrier is not acted upon at once: the device is put into a queue, and the queue is worked off at the
//! request's end. Linux does the same from a work queue, up to a second later; here no time passes between.
//! What a device's state means for those that stand on it is their own business: they are told by events.

use crate::device::{DeviceId, Qdisc, Registration, is_valid_ether_addr};
use crate::link::Event;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{
    IFF_ALLMULTI, IFF_AUTOMEDIA, IFF_DEBUG, IFF_DORMANT, IFF_DYNAMIC, IFF_ECHO, IFF_LOWER_UP, IFF_MULTICAST,
    IFF_NOARP, IFF_NOTRAILERS, IFF_PORTSEL, IFF_PROMISC, IFF_RUNNING, IFF_UP, IFLA_EVENT_BONDING_FAILOVER,
    IFLA_EVENT_FEATURES, IFLA_EVENT_IGMP_RESEND, IFLA_EVENT_NOTIFY_PEERS, Operstate,
};

/// Flags that users set as they please.
const SETTABLE: u32 =
    IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_DYNAMIC | IFF_MULTICAST | IFF_PORTSEL | IFF_AUTOMEDIA;
/// Flags that only the kernel sets (`IFF_VOLATILE`).
const VOLATILE: u32 = rtnl::object::link::IFF_LOOPBACK
    | rtnl::object::link::IFF_POINTOPOINT
    | rtnl::object::link::IFF_BROADCAST
    | IFF_ECHO
    | rtnl::object::link::IFF_MASTER
    | rtnl::object::link::IFF_SLAVE
    | IFF_RUNNING
    | IFF_LOWER_UP
    | IFF_DORMANT;

/// Frames that one queue holds at most: a ring of pointers in the largest piece of memory (`ptr_ring.h`).
pub(crate) const LONGEST_QUEUE: u32 = 524_288;
/// States that one request may bring about at most before the kernel gives up on a loop of devices.
const WATCH_LIMIT: usize = 1 << 24;

impl World {
    /// Sets a device up (`dev_open`); nothing happens if it is.
    ///
    /// # Errors
    /// What refuses: an event's receiver, an address that is none, or the type.
    pub fn open(&mut self, id: DeviceId) -> Result<(), Refusal> {
        if self[id].is_up() {
            return Ok(());
        }
        self.raw_open(id)?;
        self.announce_link(id);
        self.tell(id, Event::Up);
        Ok(())
    }

    /// Sets a device down (`dev_close`); nothing happens if it is.
    pub fn close(&mut self, id: DeviceId) {
        self.close_all(&[id]);
    }

    /// Sets devices down as one (`dev_close_many`): all are down before the first is told of.
    pub(crate) fn close_all(&mut self, ids: &[DeviceId]) {
        let mut closed = Vec::new();
        for id in ids {
            if self.get(*id).is_some_and(|device| device.is_up()) {
                self.raw_close(*id);
                closed.push(*id);
            }
        }
        for id in closed {
            self.announce_link(id);
            if self.get(id).is_some() {
                self.tell(id, Event::Down);
            }
        }
    }

    /// `__dev_open`: without telling of it.
    fn raw_open(&mut self, id: DeviceId) -> Result<(), Refusal> {
        self.ask(id, Event::PreUp)?;
        let kind = self[id].kind;
        if kind.checks_address && !is_valid_ether_addr(&self[id].address) {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
        if let Some(open) = kind.open {
            open(self, id)?;
        }
        self[id].flags |= IFF_UP;
        self.set_rx_mode(id);
        self.activate(id);
        Ok(())
    }

    /// `__dev_close`: without telling of it.
    fn raw_close(&mut self, id: DeviceId) {
        self.tell(id, Event::GoingDown);
        if let Some(stop) = self[id].kind.stop {
            stop(self, id);
        }
        self[id].flags &= !IFF_UP;
    }

    /// Gives a device its queueing discipline at its first up (`dev_activate`).
    fn activate(&mut self, id: DeviceId) {
        let device = &mut self[id];
        if device.qdisc == Qdisc::Noop {
            // A queue of no length, or of one that cannot be had, becomes none (`attach_default_qdiscs`).
            let none = device.abilities.no_queue || !(1..=LONGEST_QUEUE).contains(&device.txqlen);
            device.qdisc = match device.tx_queues {
                _ if none => Qdisc::Noqueue,
                0 | 1 => Qdisc::PfifoFast,
                _ => Qdisc::Mq,
            };
        }
    }

    /// Changes the flags as a user asks and tells of it (`dev_change_flags`).
    ///
    /// # Errors
    /// What refuses to go up.
    pub fn change_flags(&mut self, id: DeviceId, flags: u32) -> Result<(), Refusal> {
        let (old, old_gflags) = (self[id].flags, self[id].gflags);
        self.raw_change_flags(id, flags)?;
        let changes = (old ^ self[id].flags) | (old_gflags ^ self[id].gflags);
        self.notify_flags(id, old, changes);
        Ok(())
    }

    /// `__dev_change_flags`: without telling of it.
    ///
    /// # Errors
    /// What refuses to go up.
    pub(crate) fn raw_change_flags(&mut self, id: DeviceId, flags: u32) -> Result<(), Refusal> {
        let old = self[id].flags;
        self[id].flags = (flags & SETTABLE) | (old & (IFF_UP | VOLATILE | IFF_PROMISC | IFF_ALLMULTI));
        if (old ^ flags) & IFF_MULTICAST != 0 {
            self.change_rx_flags(id, IFF_MULTICAST);
        }
        self.set_rx_mode(id);
        let mut result = Ok(());
        if (old ^ flags) & IFF_UP != 0 {
            if old & IFF_UP != 0 {
                self.raw_close(id);
            } else {
                result = self.raw_open(id);
            }
        }
        if (flags ^ self[id].gflags) & IFF_PROMISC != 0 {
            self[id].gflags ^= IFF_PROMISC;
            let before = self[id].flags;
            self.count_promiscuity(id, flags & IFF_PROMISC != 0, false);
            if self[id].flags != before {
                self.set_rx_mode(id);
            }
        }
        if (flags ^ self[id].gflags) & IFF_ALLMULTI != 0 {
            self[id].gflags ^= IFF_ALLMULTI;
            self.count_allmulti(id, flags & IFF_ALLMULTI != 0, false);
        }
        result
    }

    /// Tells of changed flags (`__dev_notify_flags`): `announced` says which of them clients hear of.
    pub(crate) fn notify_flags(&mut self, id: DeviceId, old: u32, announced: u32) {
        if announced != 0 {
            self.announce_link(id);
        }
        let changes = old ^ self[id].flags;
        if changes & IFF_UP != 0 {
            self.tell(id, if self[id].is_up() { Event::Up } else { Event::Down });
        }
        let quiet = IFF_UP | IFF_PROMISC | IFF_ALLMULTI | VOLATILE;
        if self[id].is_up() && changes & !quiet != 0 {
            self.tell(id, Event::Change);
        }
    }

    /// Tells that an up device's state changed (`netdev_state_change`).
    pub fn state_changed(&mut self, id: DeviceId) {
        if self[id].is_up() {
            self.tell(id, Event::Change);
            self.announce_link(id);
        }
    }

    /// The carrier comes or goes.
    pub fn set_carrier(&mut self, id: DeviceId, on: bool) {
        if on { self.carrier_on(id) } else { self.carrier_off(id) }
    }

    /// The carrier comes.
    pub fn carrier_on(&mut self, id: DeviceId) {
        let device = &mut self[id];
        let seen = device.registration != Registration::Uninitialized;
        if !std::mem::replace(&mut device.carrier, true) && seen {
            self.run.epoch += 1;
            let device = &mut self[id];
            device.carrier_up = device.carrier_up.wrapping_add(1);
            self.watch(id);
        }
    }

    /// The carrier goes.
    pub fn carrier_off(&mut self, id: DeviceId) {
        let device = &mut self[id];
        let seen = device.registration != Registration::Uninitialized;
        if std::mem::replace(&mut device.carrier, false) && seen {
            self.run.epoch += 1;
            let device = &mut self[id];
            device.carrier_down = device.carrier_down.wrapping_add(1);
            self.watch(id);
        }
    }

    /// The same carrier and dormancy on a stacked device as on what it stands on (`netif_stacked_transfer_operstate`).
    pub fn transfer_state(&mut self, lower: DeviceId, upper: DeviceId) {
        let dormant = self[lower].operstate == Operstate::Dormant;
        self.set_dormant(upper, dormant);
        if self[lower].carrier { self.carrier_on(upper) } else { self.carrier_off(upper) }
    }

    /// It waits for an event, or no longer.
    pub fn set_dormant(&mut self, id: DeviceId, dormant: bool) {
        if std::mem::replace(&mut self[id].dormant, dormant) != dormant {
            self.watch(id);
        }
    }

    /// Puts a device into the queue of states to look at (`linkwatch_fire_event`).
    pub fn watch(&mut self, id: DeviceId) {
        let device = &mut self[id];
        let unseen = device.registration == Registration::Uninitialized;
        if !unseen && !std::mem::replace(&mut device.watched, true) {
            self.watched.push_back(id);
        }
    }

    /// Works the queue off.
    pub(crate) fn settle(&mut self) {
        self.run.epoch += 1;
        for _ in 0..WATCH_LIMIT {
            let Some(id) = self.watched.pop_front() else { return };
            let Some(device) = self.get_mut(id) else { continue };
            device.watched = false;
            self.look_at(id);
        }
        self.watched.clear();
    }

    /// Looks at one device's state again (`linkwatch_do_dev`).
    fn look_at(&mut self, id: DeviceId) {
        self.derive_operstate(id);
        if self[id].is_up() {
            if self[id].carrier {
                self.activate(id);
            }
            self.state_changed(id);
        }
    }

    /// The state that carrier, dormancy and link mode make (`rfc2863_policy`).
    pub(crate) fn derive_operstate(&mut self, id: DeviceId) {
        let device = &self[id];
        let state = match () {
            () if !device.carrier && self.iflink(id) != device.ifindex => Operstate::LowerLayerDown,
            () if !device.carrier => Operstate::Down,
            () if device.dormant => Operstate::Dormant,
            () if device.link_mode == 1 => Operstate::Dormant,
            () => Operstate::Up,
        };
        self[id].operstate = state;
    }

    /// Sets the state as a user asks (`set_operstate`): up and dormant from each other, else nothing.
    pub(crate) fn set_operstate(&mut self, id: DeviceId, wanted: u8) {
        let present = self[id].operstate;
        let next = match Operstate::from_number(wanted) {
            Some(Operstate::Up)
                if matches!(present, Operstate::Dormant | Operstate::Testing | Operstate::Unknown) =>
            {
                Operstate::Up
            }
            Some(Operstate::Testing) if self[id].is_oper_up() => Operstate::Testing,
            Some(Operstate::Dormant) if self[id].is_oper_up() => Operstate::Dormant,
            _ => present,
        };
        if next != present {
            self[id].operstate = next;
            self.state_changed(id);
        }
    }

    /// The index of what the device leads to; its own if it leads nowhere.
    pub fn iflink(&self, id: DeviceId) -> u32 {
        self[id].kind.iflink.map_or(self[id].ifindex, |iflink| iflink(self, id))
    }

    // Events.

    /// Tells the device's own type and all types that keep something on it, and before them, where Linux does so
    /// (`rtnetlink_event`), all clients who listen. Refusals have no effect.
    pub fn tell(&mut self, id: DeviceId, event: Event) {
        self.run.epoch += 1;
        if matches!(event, Event::ChangeMtu | Event::ChangeAddress | Event::ChangeName | Event::ChangeType) {
            self.announce_link(id);
        }
        let number = match event {
            Event::ChangeFeatures => Some(IFLA_EVENT_FEATURES),
            Event::Failover => Some(IFLA_EVENT_BONDING_FAILOVER),
            Event::NotifyPeers => Some(IFLA_EVENT_NOTIFY_PEERS),
            Event::ReportGroups => Some(IFLA_EVENT_IGMP_RESEND),
            _ => None,
        };
        if let Some(number) = number {
            self.announce_link_event(id, number);
        }
        // In the order in which the parts of a kernel come: IPv4 is built in, IPv6 a module among those of the types.
        crate::host::event4(self, id, event);
        self.tell_types(id, event, true);
        crate::host::event6(self, id, event);
        self.tell_types(id, event, false);
        crate::groups::event(self, id, event);
    }

    fn tell_types(&mut self, id: DeviceId, event: Event, older: bool) {
        for kind in crate::link::TYPES.iter().filter(|kind| kind.older_than_ipv6 == older) {
            if let Some(receive) = kind.event.filter(|_| self.get(id).is_some()) {
                let _ = receive(self, id, event);
            }
        }
    }

    /// Asks the same whether it may be.
    ///
    /// # Errors
    /// The first refusal.
    pub fn ask(&mut self, id: DeviceId, event: Event) -> Result<(), Refusal> {
        for kind in crate::link::TYPES {
            if let Some(receive) = kind.event {
                receive(self, id, event)?;
            }
        }
        Ok(())
    }
}
