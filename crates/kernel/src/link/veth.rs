//! `veth`.

use super::{Type, validate_address};

/// The type.
pub static TYPE: Type = Type { kind: "veth", validate: validate_address, ..Type::DEFAULT };
