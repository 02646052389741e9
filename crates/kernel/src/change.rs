//! Changes of one device: MTU, address, name, extra addresses, promiscuity (`net/core/dev.c`,
//! `net/core/dev_addr_lists.c`).

use crate::device::{AddressOrigin, DeviceId, Mac, Name, is_valid_ether_addr};
use crate::link::Event;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use rtnl::object::link::{IFF_ALLMULTI, IFF_PROMISC, IFF_UP};
use std::collections::BTreeSet;

/// Sets an Ethernet device's address where its type has no more to do (`eth_mac_addr`).
///
/// # Errors
/// EBUSY while the device is up, unless it can change its address then; EADDRNOTAVAIL for an address that is none.
pub fn set_ethernet_address(world: &mut World, id: DeviceId, address: Mac) -> Result<(), Refusal> {
    let device = &mut world[id];
    if device.is_up() && !device.abilities.live_address {
        return Err(Errno::EBUSY.into());
    }
    if !is_valid_ether_addr(&address) {
        return Err(Errno::EADDRNOTAVAIL.into());
    }
    device.address = address;
    Ok(())
}

impl World {
    /// Draws an address for a device that has none yet; for types whose setup would draw one.
    ///
    /// # Errors
    /// None; the shape is that of `Type::init`.
    pub fn init_random_address(&mut self, id: DeviceId) -> Result<(), Refusal> {
        if self[id].address == [0; 6] {
            self[id].address = self.random_mac();
            self[id].address_origin = AddressOrigin::Random;
        }
        Ok(())
    }

    /// Whether the MTU is within the device's limits (`dev_validate_mtu`).
    ///
    /// # Errors
    /// EINVAL with the kernel's sentence.
    pub fn validate_mtu(&self, id: DeviceId, mtu: u32) -> Result<(), Refusal> {
        let device = &self[id];
        if mtu > i32::MAX as u32 || mtu < device.min_mtu {
            return Err(Refusal::said(Errno::EINVAL, "mtu less than device minimum"));
        }
        if device.max_mtu > 0 && mtu > device.max_mtu {
            return Err(Refusal::said(Errno::EINVAL, "mtu greater than device maximum"));
        }
        Ok(())
    }

    /// Changes the MTU (`dev_set_mtu`).
    ///
    /// # Errors
    /// The limits', an event receiver's or the type's refusal.
    pub fn set_mtu(&mut self, id: DeviceId, mtu: u32) -> Result<(), Refusal> {
        if self[id].mtu == mtu {
            return Ok(());
        }
        self.validate_mtu(id, mtu)?;
        self.ask(id, Event::PreChangeMtu(mtu))?;
        match self[id].kind.change_mtu {
            Some(change) => change(self, id, mtu)?,
            None => self[id].mtu = mtu,
        }
        self.tell(id, Event::ChangeMtu);
        Ok(())
    }

    /// Changes the MTU of a device that is about to go: nobody is asked or told (`__dev_set_mtu`).
    pub(crate) fn set_mtu_quietly(&mut self, id: DeviceId, mtu: u32) {
        match self[id].kind.change_mtu {
            Some(change) => {
                let _ = change(self, id, mtu);
            }
            None => self[id].mtu = mtu,
        }
    }

    /// Changes the address as a user or a device below asks (`dev_set_mac_address`).
    ///
    /// # Errors
    /// EOPNOTSUPP if the type has no such thing; an event receiver's or the type's refusal.
    pub fn set_address(&mut self, id: DeviceId, address: Mac) -> Result<(), Refusal> {
        let set = self[id].kind.set_address.ok_or(Errno::EOPNOTSUPP)?;
        self.ask(id, Event::PreChangeAddress(address))?;
        set(self, id, address)?;
        self[id].address_origin = AddressOrigin::Set;
        self.tell(id, Event::ChangeAddress);
        Ok(())
    }

    /// Changes the name (`dev_change_name`).
    ///
    /// # Errors
    /// EBUSY while the device is up; those of [`crate::names::Names::free`].
    pub fn rename(&mut self, id: DeviceId, wanted: &[u8]) -> Result<(), Refusal> {
        let device = &self[id];
        if device.is_up() && !device.abilities.live_rename {
            return Err(Errno::EBUSY.into());
        }
        if device.name.bytes() == wanted {
            return Ok(());
        }
        let (netns, old) = (device.netns, device.name);
        let name = self.space_mut(netns)?.names.free(wanted)?;
        self.take_name(id, name)?;
        // That is found out only when all have heard of it.
        if crate::names::is_reserved_name(wanted) {
            self.take_name(id, old)?;
            return Err(Errno::EINVAL.into());
        }
        Ok(())
    }

    fn take_name(&mut self, id: DeviceId, name: Name) -> Result<(), Refusal> {
        let (netns, old) = (self[id].netns, self[id].name);
        let space = self.space_mut(netns)?;
        space.names.leave(old);
        space.names.enter(id, name);
        self[id].name = name;
        self.tell(id, Event::ChangeName);
        Ok(())
    }

    // Reception: promiscuity, all multicast, extra addresses.

    /// One more, or one less, asks for promiscuity (`dev_set_promiscuity`).
    pub fn set_promiscuity(&mut self, id: DeviceId, more: bool) {
        let old = self[id].flags;
        self.count_promiscuity(id, more, true);
        if self[id].flags != old {
            self.set_rx_mode(id);
        }
    }

    /// One more, or one less, asks for all multicast (`dev_set_allmulti`).
    pub fn set_allmulti(&mut self, id: DeviceId, more: bool) {
        self.count_allmulti(id, more, true);
    }

    pub(crate) fn count_promiscuity(&mut self, id: DeviceId, more: bool, notify: bool) {
        let device = &mut self[id];
        let old = device.flags;
        device.promiscuity =
            if more { device.promiscuity.saturating_add(1) } else { device.promiscuity.saturating_sub(1) };
        device.flags = (old & !IFF_PROMISC) | if device.promiscuity > 0 { IFF_PROMISC } else { 0 };
        if device.flags != old {
            self.change_rx_flags(id, IFF_PROMISC);
        }
        if notify {
            self.notify_flags(id, old, IFF_PROMISC);
        }
    }

    pub(crate) fn count_allmulti(&mut self, id: DeviceId, more: bool, notify: bool) {
        let device = &mut self[id];
        let (old, old_gflags) = (device.flags, device.gflags);
        device.allmulti =
            if more { device.allmulti.saturating_add(1) } else { device.allmulti.saturating_sub(1) };
        device.flags = (old & !IFF_ALLMULTI) | if device.allmulti > 0 { IFF_ALLMULTI } else { 0 };
        if device.flags != old {
            self.change_rx_flags(id, IFF_ALLMULTI);
            self.set_rx_mode(id);
            if notify {
                let changes = old_gflags ^ self[id].gflags;
                self.notify_flags(id, old, changes);
            }
        }
    }

    pub(crate) fn change_rx_flags(&mut self, id: DeviceId, flags: u32) {
        if let Some(change) = self[id].kind.change_rx_flags {
            change(self, id, flags);
        }
    }

    /// Asks for frames to an extra unicast address (`dev_uc_add`).
    pub fn add_unicast(&mut self, id: DeviceId, address: Mac) {
        *self[id].unicast.users.get_or_insert_with(address, || 0) += 1;
        self.set_rx_mode(id);
    }

    /// Asks no longer for them.
    pub fn remove_unicast(&mut self, id: DeviceId, address: Mac) {
        let Some(device) = self.get_mut(id) else { return };
        if let Some(unicast) = device.unicast.own() {
            if let Some(count) = unicast.users.get_mut(&address) {
                *count -= 1;
                if *count == 0 {
                    unicast.users.remove(&address);
                }
            }
        }
        self.set_rx_mode(id);
    }

    /// Asks, on what a device stands on, for the extra addresses that are asked of the device (`dev_uc_sync`).
    pub fn sync_unicast(&mut self, upper: DeviceId, lower: DeviceId) {
        let device = &self[upper];
        let wanted: BTreeSet<Mac> = device.unicast.users.keys().copied().collect();
        self.replace_synced(upper, lower, wanted);
        self.sync_groups(upper, lower, true);
    }

    /// Takes all of that back (`dev_uc_unsync`).
    pub fn unsync_unicast(&mut self, upper: DeviceId, lower: DeviceId) {
        self.replace_synced(upper, lower, BTreeSet::new());
        self.sync_groups(upper, lower, false);
    }

    fn replace_synced(&mut self, upper: DeviceId, lower: DeviceId, wanted: BTreeSet<Mac>) {
        if self[upper].unicast.synced == wanted {
            return;
        }
        let present = std::mem::replace(&mut self[upper].unicast.synced, wanted.clone());
        for address in present.difference(&wanted) {
            self.remove_unicast(lower, *address);
        }
        for address in wanted.difference(&present) {
            self.add_unicast(lower, *address);
        }
    }

    /// Lets a device become other hardware. What was asked of it until then is forgotten, and the host's stack listens
    /// to its groups by the addresses that they have there.
    ///
    /// # Errors
    /// The first refusal of what stands on the device or has it as a port.
    pub(crate) fn change_hardware(
        &mut self,
        id: DeviceId,
        change: impl FnOnce(&mut World),
    ) -> Result<(), Refusal> {
        // As with all that is told, the host's IPv4 hears of it before those who may refuse.
        crate::host::event4(self, id, Event::PreChangeType);
        self.ask(id, Event::PreChangeType)?;
        crate::host::event6(self, id, Event::PreChangeType);
        // commit
        self[id].unicast = Default::default();
        self[id].multicast = Default::default();
        change(self);
        self.tell(id, Event::ChangeType);
        Ok(())
    }

    /// Makes reception fit what was asked for (`__dev_set_rx_mode`): extra addresses make a device promiscuous that
    /// cannot filter them.
    pub fn set_rx_mode(&mut self, id: DeviceId) {
        let device = &self[id];
        if device.flags & IFF_UP == 0 {
            return;
        }
        if !device.abilities.unicast_filter {
            let wanted = !device.unicast.users.is_empty();
            if wanted != device.unicast_promisc {
                self[id].unicast_promisc = wanted;
                self.count_promiscuity(id, wanted, false);
            }
        }
        if let Some(set) = self[id].kind.set_rx_mode {
            set(self, id);
        }
    }
}
