//! What devices can do with frames that leave, as far as links tell of it: a change is announced
//! (`NETDEV_FEAT_CHANGE`, and `event FEATURE CHANGE` in `ip monitor`).
//!
//! Linux keeps some sixty bits of a device; these few are the ones in which the types here differ, and with them
//! what goes along: a device that takes frames in pieces also segments them.

use crate::device::DeviceId;
use crate::link::Event;
use crate::world::World;

/// It takes frames in pieces, and segments what is too large (`NETIF_F_SG` and what hangs on it).
const SCATTER: u8 = 1;
/// Segmentation in software (`NETIF_F_GSO`).
const GENERIC: u8 = 2;
/// Segments from strangers (`NETIF_F_GSO_ROBUST`).
const ROBUST: u8 = 4;
/// Segmentation of Fibre Channel (`NETIF_F_FSO`).
const FIBRE: u8 = 8;

/// What a device can do, and what it can do for frames with a tag that vlans on it add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Features {
    own: u8,
    tagged: u8,
}

impl Features {
    /// Nothing beyond sending frames.
    pub const NONE: Features = Features { own: 0, tagged: 0 };
    /// What most devices can do, but not with tags.
    pub const UNTAGGED: Features = Features { own: SCATTER | GENERIC, tagged: 0 };
    /// The same with tags.
    pub const USUAL: Features = Features { own: SCATTER | GENERIC, tagged: SCATTER };
    /// A bridge without ports can do all.
    pub const BRIDGE: Features =
        Features { own: SCATTER | GENERIC | ROBUST | FIBRE, tagged: SCATTER | FIBRE };

    /// A vlan on a device of these (`vlan_dev_fix_features`).
    pub fn of_vlan(lower: Features) -> Features {
        let both = lower.own & lower.tagged;
        Features { own: with_generic(both & (SCATTER | FIBRE)), tagged: lower.tagged & !FIBRE }
    }

    /// A macvlan on a device of these (`macvlan_fix_features`).
    pub fn of_macvlan(lower: Features) -> Features {
        Features { own: SCATTER | ROBUST | lower.own & GENERIC, tagged: SCATTER }
    }

    /// A bond over slaves of these: what one of them can do, it can (`bond_fix_features`, `bond_compute_features`).
    pub fn of_bond(slaves: impl Iterator<Item = Features>) -> Features {
        let sums =
            |sum: (u8, u8, u8), slave: Features| (sum.0 | slave.own, sum.1 & slave.own, sum.2 | slave.tagged);
        let all = slaves.map(|slave| (slave.own, slave.own, slave.tagged));
        let Some((one, all, tagged)) =
            all.reduce(|sum, (own, _, tagged)| sums(sum, Features { own, tagged }))
        else {
            return Features { own: FIBRE, tagged: SCATTER };
        };
        Features { own: with_generic(one & SCATTER | all & FIBRE), tagged: tagged & SCATTER }
    }

    /// A bridge over ports of these: what one of them can do, it can (`br_features_recompute`).
    pub fn of_bridge(ports: impl Iterator<Item = Features>) -> Features {
        let own = ports.map(|port| (port.own, port.own));
        let Some((one, all)) = own.reduce(|sum, port| (sum.0 | port.0, sum.1 & port.1)) else {
            return Features::BRIDGE;
        };
        Features { own: with_generic(one & (SCATTER | ROBUST) | all & FIBRE), ..Features::BRIDGE }
    }
}

fn with_generic(own: u8) -> u8 {
    if own & SCATTER != 0 { own | GENERIC } else { own }
}

impl World {
    /// A device can do this from here on; if that is new, all hear of it.
    pub(crate) fn update_features(&mut self, id: DeviceId, features: Features) {
        let Some(device) = self.get_mut(id) else { return };
        if std::mem::replace(&mut device.features, features).own != features.own {
            self.tell(id, Event::ChangeFeatures);
        }
    }

    /// A device follows the one that it stands on: in what that can do, `of` which its own comes, and in how large
    /// segments may be.
    pub(crate) fn follow_features(&mut self, lower: DeviceId, upper: DeviceId, of: fn(Features) -> Features) {
        let (limits, features) = (self[lower].tso_limits(), of(self[lower].features));
        if let Some(device) = self.get_mut(upper) {
            device.inherit_tso(limits);
            self.update_features(upper, features);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a real Linux 6.1 tells them of such devices.
    #[test]
    fn types_differ_as_on_linux() {
        let vlan_on_dummy = Features::of_vlan(Features::UNTAGGED);
        assert_eq!(vlan_on_dummy.own, 0);
        assert_eq!(Features::of_vlan(Features::USUAL).own, Features::USUAL.own);
        let macvlan = Features::of_macvlan(Features::USUAL);
        let bridge = |ports: &[Features]| Features::of_bridge(ports.iter().copied()).own;
        assert_eq!(bridge(&[]), Features::BRIDGE.own);
        assert_eq!(bridge(&[Features::USUAL]), SCATTER | GENERIC);
        assert_eq!(bridge(&[Features::UNTAGGED, macvlan]), SCATTER | GENERIC | ROBUST);
        assert_eq!(bridge(&[vlan_on_dummy]), 0);
        assert_eq!(Features::of_vlan(Features::BRIDGE).own, SCATTER | GENERIC | FIBRE);
        let empty = Features { own: 0, ..Features::BRIDGE };
        assert_eq!(Features::of_vlan(empty).own, 0);
        assert_eq!(Features::of_macvlan(empty).own, SCATTER | ROBUST);
    }
}
