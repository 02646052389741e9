//! A physical NIC: the one that the real kernel we compare with has (driver `uml-vector`,
//! `arch/um/drivers/vector_kern.c`). It cannot be deleted, and goes home when its namespace ends.

use super::Type;
use crate::device::Device;

/// The type; no request makes one.
pub static TYPE: Type = Type { setup, dellink: None, ..Type::DEFAULT };

fn setup(device: &mut Device) {
    device.abilities.hardware = true;
    device.extras_mut().parent = Some(("platform", "uml-vector.0"));
}
