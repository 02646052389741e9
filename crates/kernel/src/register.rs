//! How devices come, go and move: registration, deletion with all that dies along, change of namespace
//! (`register_netdevice`, `unregister_netdevice_many`, `__dev_change_net_namespace` in `net/core/dev.c`).
//!
//! Deletion takes a list, so that a pair or a whole namespace dies as one. What stands on a dying device is told by
//! an event and deletes itself from within; the depth of a stack bounds that.

use crate::device::{DeviceId, Name, Qdisc, Registration};
use crate::link::Event;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use std::collections::BTreeSet;

impl World {
    /// Registers a device: draws name and index, prepares it, enters it into its namespace and tells of it.
    /// On error the device stays allocated; whoever made it releases it.
    ///
    /// # Errors
    /// The name's, EBUSY for an index that is taken, the type's `init`, an event receiver's.
    pub fn register(&mut self, id: DeviceId) -> Result<(), Refusal> {
        let (netns, wanted) = (self[id].netns, self[id].name);
        let name = self.space_mut(netns)?.names.free(wanted.bytes())?;
        self[id].name = name;
        if let Some(init) = self[id].kind.init {
            init(self, id)?;
        }
        if let Err(refusal) = self.enter(id) {
            self.uninit(id);
            return Err(refusal);
        }
        // That is found out only when the device is seen, and its index has been drawn.
        if crate::names::is_reserved_name(name.bytes()) {
            self.leave(id);
            self.uninit(id);
            return Err(Errno::EINVAL.into());
        }
        let device = &mut self[id];
        device.registration = Registration::Registered;
        if device.address_origin == crate::device::AddressOrigin::Permanent {
            device.permanent_address = device.address;
        }
        if !device.carrier || device.dormant {
            self.derive_operstate(id);
        }
        self.tell(id, Event::Register);
        if self[id].kind.kind.is_empty() {
            self.announce_link(id);
        }
        Ok(())
    }

    /// Draws the index and enters the device into its namespace.
    fn enter(&mut self, id: DeviceId) -> Result<(), Refusal> {
        let (netns, wanted) = (self[id].netns, self[id].ifindex);
        self.arrivals += 1;
        let arrival = self.arrivals;
        let space = self.space_mut(netns)?;
        let ifindex = match wanted {
            0 => space.new_index(),
            taken if space.by_index(taken).is_some() => return Err(Errno::EBUSY.into()),
            free => free,
        };
        let device = &mut self[id];
        device.ifindex = ifindex;
        device.arrival = arrival;
        let entry = device.entry();
        self.space_mut(netns)?.enter(&entry);
        Ok(())
    }

    fn uninit(&mut self, id: DeviceId) {
        if let Some(uninit) = self[id].kind.uninit {
            uninit(self, id);
        }
    }

    /// Takes a device out of its namespace's maps.
    fn leave(&mut self, id: DeviceId) {
        let device = &self[id];
        let (netns, entry) = (device.netns, device.entry());
        let altnames: Vec<Box<[u8]>> = device.altnames().to_vec();
        let Ok(space) = self.space_mut(netns) else { return };
        for altname in altnames {
            space.names.leave_altname(&altname);
        }
        space.leave(&entry);
    }

    /// Puts a device into another group.
    pub(crate) fn set_group(&mut self, id: DeviceId, group: u32) {
        let device = &mut self[id];
        let (netns, arrival) = (device.netns, device.arrival);
        let before = std::mem::replace(&mut device.group, group);
        if let Ok(space) = self.space_mut(netns) {
            space.note_group(id, arrival, before, false);
            space.note_group(id, arrival, group, true);
        }
    }

    /// The members of a group of a namespace, in the order in which they came.
    pub(crate) fn members(&self, netns: NetnsId, group: u32) -> Result<Vec<DeviceId>, Errno> {
        let space = self.space(netns)?;
        if group != 0 {
            return Ok(space.group(group).collect());
        }
        let all = space.in_order_of_arrival().into_iter();
        Ok(all.filter(|id| self.get(*id).is_some_and(|device| device.group == 0)).collect())
    }

    /// Deletes devices together with what their types say dies with them (`rtnl_delete_link`).
    ///
    /// # Errors
    /// EOPNOTSUPP if the device cannot be deleted.
    pub fn delete(&mut self, id: DeviceId) -> Result<(), Refusal> {
        let dellink = self[id].kind.dellink.ok_or(Errno::EOPNOTSUPP)?;
        let mut dying = Vec::new();
        dellink(self, id, &mut dying);
        self.unregister(&dying);
        Ok(())
    }

    /// Unregisters devices as one (`unregister_netdevice_many`): all go down, then each leaves.
    pub fn unregister(&mut self, dying: &[DeviceId]) {
        let is_seen = |id: &DeviceId| {
            self.get(*id).is_some_and(|device| device.registration == Registration::Registered)
        };
        let batch: Vec<DeviceId> = dying.iter().copied().filter(is_seen).collect();
        self.close_all(&batch);
        for id in &batch {
            // A device may be in the list twice, and what was told of the first may have taken the next along.
            if self.get(*id).is_some_and(|device| device.registration == Registration::Registered) {
                self[*id].registration = Registration::Unregistering;
                self.leave(*id);
            }
        }
        for id in batch {
            if self.get(id).is_some_and(|device| device.registration == Registration::Unregistering) {
                self.bury(id);
            }
        }
    }

    fn bury(&mut self, id: DeviceId) {
        self[id].qdisc = Qdisc::Noop;
        self.tell(id, Event::Unregister);
        self.announce_link_gone(id, None);
        self[id].unicast.own().into_iter().for_each(|unicast| unicast.users.clear());
        self.uninit(id);
        self.sever(id);
        self.release(id);
    }

    /// Cuts whatever links to others are left.
    fn sever(&mut self, id: DeviceId) {
        if self[id].stack.own().is_none() {
            return;
        }
        let uppers: Vec<_> = self[id].stack.uppers.keys().copied().collect();
        let lowers = self[id].stack.lowers.clone();
        for upper in uppers {
            self.unlink_upper(id, upper);
        }
        for lower in lowers {
            self.unlink_upper(lower, id);
        }
    }

    /// Moves a device to another namespace, keeping its name, or, if that is taken there, under `fallback` (a name
    /// or a template).
    ///
    /// # Errors
    /// EINVAL for a device that cannot move, EEXIST for a name or alternative name that is taken there,
    /// EBUSY for an index that is.
    pub fn change_netns(
        &mut self,
        id: DeviceId,
        to: NetnsId,
        fallback: Option<&[u8]>,
        ifindex: Option<u32>,
    ) -> Result<(), Refusal> {
        let device = &self[id];
        if device.abilities.netns_local || device.registration != Registration::Registered {
            return Err(Errno::EINVAL.into());
        }
        let from = device.netns;
        if from == to {
            return Ok(());
        }
        let name = self.name_elsewhere(id, to, fallback)?;
        if ifindex.is_some_and(|wanted| self.by_index(to, wanted).is_some()) {
            return Err(Errno::EBUSY.into());
        }
        // commit
        self.close(id);
        self.leave(id);
        self[id].qdisc = Qdisc::Noop;
        self.tell(id, Event::Unregister);
        let nsid = self.netns_id(from, to);
        let present = self[id].ifindex;
        let space = self.space_mut(to)?;
        let ifindex = match ifindex {
            Some(wanted) => wanted,
            None if space.by_index(present).is_some() => space.new_index(),
            None => present,
        };
        self.announce_link_gone(id, nsid.map(|nsid| (nsid, ifindex)));
        self.arrive(id, to, ifindex, name);
        Ok(())
    }

    /// The name that a device will have in another namespace.
    fn name_elsewhere(
        &mut self,
        id: DeviceId,
        to: NetnsId,
        fallback: Option<&[u8]>,
    ) -> Result<Name, Refusal> {
        let present = self[id].name;
        let altnames: Vec<Box<[u8]>> = self[id].altnames().to_vec();
        let space = self.space_mut(to)?;
        let name = match space.by_name(present.bytes()) {
            None => present,
            Some(_) => space.names.free(fallback.ok_or(Errno::EEXIST)?)?,
        };
        if altnames.iter().any(|altname| space.by_name(altname).is_some()) {
            return Err(Errno::EEXIST.into());
        }
        Ok(name)
    }

    /// The second half of a move: enters the namespace and tells of it there.
    fn arrive(&mut self, id: DeviceId, to: NetnsId, ifindex: u32, name: Name) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        let altnames: Vec<Box<[u8]>> = self[id].altnames().to_vec();
        let device = &mut self[id];
        device.unicast.own().into_iter().for_each(|unicast| unicast.users.clear());
        device.netns = to;
        device.ifindex = ifindex;
        device.name = name;
        device.arrival = arrival;
        let entry = device.entry();
        if let Ok(space) = self.space_mut(to) {
            space.enter(&entry);
            for altname in altnames {
                space.names.enter_altname(id, &altname);
            }
        }
        self.tell(id, Event::Register);
        self.announce_link(id);
    }

    /// Ends a namespace: its identifiers are forgotten, hardware goes home, everything else dies.
    pub(crate) fn end_netns(&mut self, netns: NetnsId, home: NetnsId) {
        self.forget_netns(netns);
        let Ok(space) = self.space(netns) else { return };
        let devices = space.in_order_of_arrival();
        for id in devices.iter().copied() {
            if self.get(id).is_some_and(|device| device.abilities.hardware && device.netns == netns) {
                self.go_home(id, home);
            }
        }
        let (mut dying, mut known) = (Vec::new(), BTreeSet::new());
        // Tunnels whose packets travel in it die with it, wherever they are.
        let tunnels = self.space(netns).map(|space| space.stack.tunnels.devices.clone()).unwrap_or_default();
        for id in devices.into_iter().rev().chain(tunnels.iter().copied()) {
            let belongs =
                |device: &&crate::device::Device| device.netns == netns || tunnels.contains(&device.id);
            let before = dying.len();
            match self.get(id).filter(belongs).map(|device| device.kind.dellink) {
                Some(Some(dellink)) if !known.contains(&id) => dellink(self, id, &mut dying),
                Some(None) => dying.push(id),
                _ => {}
            }
            known.extend(dying[before..].iter().copied());
        }
        self.unregister(&dying);
        self.settle();
        crate::host::tcp::end(self, netns);
        self.drop_space(netns);
    }

    /// A device of hardware goes to the first namespace; if its name is taken there, as `devN`.
    fn go_home(&mut self, id: DeviceId, home: NetnsId) {
        let spare = format!("dev{}", self[id].ifindex);
        let spare = if self.by_name(home, spare.as_bytes()).is_some() { "dev%d".to_owned() } else { spare };
        if self.change_netns(id, home, Some(spare.as_bytes()), None).is_err() {
            // An alternative name is taken at home: without them the way is free.
            let names = std::mem::take(&mut self[id].extras_mut().altnames);
            let netns = self[id].netns;
            if let Ok(space) = self.space_mut(netns) {
                names.iter().for_each(|name| space.names.leave_altname(name));
            }
            let _ = self.change_netns(id, home, Some(spare.as_bytes()), None);
        }
    }

    /// Takes back every identifier for a namespace and every one of its own.
    fn forget_netns(&mut self, netns: NetnsId) {
        let Ok(space) = self.space_mut(netns) else { return };
        let (known_by, peers) = space.begin_end();
        for viewer in known_by {
            let id = self.space_mut(viewer).ok().and_then(|space| space.forget_peer(netns));
            if let Some(id) = id {
                crate::rtnl::netns::announce(self, viewer, rtnl::object::netns::RTM_DELNSID, id);
            }
        }
        for peer in peers {
            if let Ok(space) = self.space_mut(peer) {
                space.known_by.remove(&netns);
            }
        }
    }
}
