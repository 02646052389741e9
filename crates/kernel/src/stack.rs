//! What stands on what: upper and lower devices, masters, and how deep a stack may be
//! (`netdev_upper_dev_link` in `net/core/dev.c`).
//!
//! The levels count from 1. A link is refused if the depth below and the height above it add up to more than
//! [`MAX_NEST`]; that bounds every walk along a stack, so walks may follow it level by level.

use crate::device::DeviceId;
use crate::link::Speed;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::message::Refusal;
use std::collections::BTreeSet;

/// The deepest stack (`MAX_NEST_DEV`).
pub const MAX_NEST: u8 = 8;

impl World {
    /// Puts `upper` onto `lower`; with `master` as the one device it is a port of.
    ///
    /// # Errors
    /// EBUSY for a device on itself or a loop or a second master, EEXIST if it stands there already, EMLINK if the
    /// stack grows too deep.
    pub fn link_upper(&mut self, lower: DeviceId, upper: DeviceId, master: bool) -> Result<(), Refusal> {
        if lower == upper || self.stands_on(lower, upper) {
            return Err(Errno::EBUSY.into());
        }
        if self[lower].lower_level + self[upper].upper_level > MAX_NEST {
            return Err(Errno::EMLINK.into());
        }
        if !master && self[lower].stack.uppers.contains_key(&upper) {
            return Err(Errno::EEXIST.into());
        }
        match self[lower].master {
            Some(present) if master => {
                return Err(if present == upper { Errno::EEXIST } else { Errno::EBUSY }.into());
            }
            _ => {}
        }
        self[lower].stack.uppers.insert(upper, ());
        let lowers = &mut self[upper].stack.lowers;
        if lowers.is_empty() {
            lowers.reserve_exact(1);
        }
        lowers.push(lower);
        if master {
            self[lower].master = Some(upper);
        }
        self.raise_levels(lower, upper);
        self.announce_link(lower);
        Ok(())
    }

    /// Takes `upper` off `lower`.
    pub fn unlink_upper(&mut self, lower: DeviceId, upper: DeviceId) {
        let mut was_linked = false;
        if let Some(device) = self.get_mut(lower) {
            was_linked = device.stack.own().is_some_and(|stack| stack.uppers.remove(&upper).is_some());
            if device.master == Some(upper) {
                device.master = None;
            }
        }
        if let Some(stack) = self.get_mut(upper).and_then(|device| device.stack.own()) {
            stack.lowers.retain(|below| *below != lower);
        }
        self.settle_upper_level(lower);
        self.settle_lower_level(upper);
        if was_linked {
            self.announce_link(lower);
        }
    }

    /// Whether `device` stands, over any number of levels, on `base`.
    pub fn stands_on(&self, device: DeviceId, base: DeviceId) -> bool {
        let mut level = vec![device];
        for _ in 0..MAX_NEST {
            let mut below = Vec::new();
            for lower in level.iter().filter_map(|id| self.get(*id)).flat_map(|device| &device.stack.lowers) {
                if *lower == base {
                    return true;
                }
                below.push(*lower);
            }
            if below.is_empty() {
                return false;
            }
            below.sort_unstable();
            below.dedup();
            level = below;
        }
        false
    }

    /// The speed of a device in Mbit/s, found at the bottom of what it stands on; none if that is not known.
    pub fn speed(&self, device: DeviceId) -> Option<u32> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![device];
        let mut speed = None;
        while let Some(id) = waiting.pop() {
            let Some(device) = self.get(id).filter(|_| seen.insert(id)) else { continue };
            let is_open =
                |lower: &DeviceId| self.get(*lower).is_some_and(|port| port.is_up() && port.is_oper_up());
            match device.kind.speed {
                Speed::Unknown => {}
                Speed::Mbit(mbit) => speed = speed.max(Some(mbit)),
                Speed::OfLower => waiting.extend(&device.stack.lowers),
                Speed::OfPorts => waiting.extend(device.stack.lowers.iter().filter(|lower| is_open(lower))),
                Speed::Told(told) => speed = speed.max(told(self, id)),
            }
        }
        speed
    }

    /// The speed of a device that is known to send and receive at once; of one over a bridge that is not known.
    pub(crate) fn full_duplex_speed(&self, device: DeviceId) -> Option<u32> {
        let mut id = device;
        for _ in 0..=MAX_NEST {
            let device = self.get(id)?;
            match device.kind.speed {
                Speed::Unknown | Speed::OfPorts => return None,
                Speed::Mbit(mbit) => return Some(mbit),
                Speed::Told(told) => return told(self, id),
                Speed::OfLower => id = *device.stack.lowers.first()?,
            }
        }
        None
    }

    /// After a link: levels can only have grown.
    fn raise_levels(&mut self, lower: DeviceId, upper: DeviceId) {
        let mut above = vec![(upper, self[lower].lower_level + 1)];
        while let Some((id, level)) = above.pop() {
            if self[id].lower_level < level {
                self[id].lower_level = level;
                above.extend(self[id].stack.uppers.keys().map(|next| (*next, level + 1)));
            }
        }
        let mut below = vec![(lower, self[upper].upper_level + 1)];
        while let Some((id, level)) = below.pop() {
            if self[id].upper_level < level {
                self[id].upper_level = level;
                below.extend(self[id].stack.lowers.iter().map(|next| (*next, level + 1)));
            }
        }
    }

    /// After an unlink: lowers the level of a device and of what is below it, as far as that goes.
    fn settle_upper_level(&mut self, device: DeviceId) {
        let mut queue = vec![device];
        while let Some(id) = queue.pop() {
            let Some(device) = self.get(id) else { continue };
            // One upper of the right height is enough: most devices keep their level.
            let (level, want) = (device.upper_level, device.upper_level.saturating_sub(1));
            let mut highest = 0;
            for upper in device.stack.uppers.keys().filter_map(|upper| self.get(*upper)) {
                highest = highest.max(upper.upper_level);
                if highest >= want {
                    break;
                }
            }
            if highest + 1 < level {
                queue.extend(device.stack.lowers.iter().copied());
                self[id].upper_level = highest + 1;
            }
        }
    }

    /// The same for the level below and what is above.
    fn settle_lower_level(&mut self, device: DeviceId) {
        let mut queue = vec![device];
        while let Some(id) = queue.pop() {
            let Some(device) = self.get(id) else { continue };
            let (level, want) = (device.lower_level, device.lower_level.saturating_sub(1));
            let mut deepest = 0;
            for lower in device.stack.lowers.iter().filter_map(|lower| self.get(*lower)) {
                deepest = deepest.max(lower.lower_level);
                if deepest >= want {
                    break;
                }
            }
            if deepest + 1 < level {
                queue.extend(device.stack.uppers.keys().copied());
                self[id].lower_level = deepest + 1;
            }
        }
    }
}
