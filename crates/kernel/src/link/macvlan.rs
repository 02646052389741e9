//! `macvlan`.

use super::{Type, validate_address};

/// The type.
pub static TYPE: Type = Type { kind: "macvlan", validate: validate_address, ..Type::DEFAULT };
