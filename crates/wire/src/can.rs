//! CAN and CAN FD (ISO 11898-1) as Linux's sockets have them (`struct can_frame`, `struct canfd_frame`), the identifier
//! in network byte order, as captures have it.
//!
//! ```text
//! identifier and flags 4 | length 1 | flags of FD 1 | reserved 2 | data 8 or 64
//! ```
//!
//! Left out: CAN XL, and lengths over 8 of classic frames, which carry no more than 8 bytes.

use crate::Malformed;

/// Bytes of a classic frame.
pub const LENGTH: usize = 16;
/// Bytes of an FD frame.
pub const FD_LENGTH: usize = 72;
/// Bytes in front of the data.
const HEAD: usize = 8;
/// Bytes of data of a classic frame at most.
pub const DATA: usize = 8;
/// Bytes of data of an FD frame at most.
pub const FD_DATA: usize = 64;

/// The identifier has 29 bits, not 11.
pub const EXTENDED: u32 = 0x8000_0000;
/// A request for data.
pub const REMOTE: u32 = 0x4000_0000;
/// The driver's word on an error on the bus.
pub const ERROR: u32 = 0x2000_0000;
/// The bits of a long identifier.
pub const EXTENDED_MASK: u32 = 0x1fff_ffff;
/// The bits of a short one.
pub const STANDARD_MASK: u32 = 0x7ff;
/// The data came at a higher rate.
pub const BIT_RATE_SWITCH: u8 = 1;
/// The sender is passive about errors.
pub const ERROR_STATE: u8 = 2;
/// It is an FD frame.
pub const FD_FRAME: u8 = 4;

/// The lengths that an FD frame can have.
const FD_LENGTHS: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64];

/// The least length of an FD frame that holds so many bytes.
pub fn fd_length(bytes: usize) -> usize {
    FD_LENGTHS.into_iter().find(|length| *length >= bytes).unwrap_or(FD_DATA)
}

/// The length that a code of four bits means in an FD frame.
pub fn fd_length_of_code(code: u8) -> usize {
    FD_LENGTHS[usize::from(code & 15)]
}

/// A frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Can {
    /// The identifier with its flags.
    pub identifier: u32,
    /// Whether it is an FD frame.
    pub fd: bool,
    /// The flags of an FD frame.
    pub flags: u8,
    /// Bytes of data.
    pub length: u8,
    /// The data, zeros behind it.
    pub data: [u8; FD_DATA],
}

impl Can {
    /// Reads a frame.
    ///
    /// # Errors
    /// `Truncated` or `Length`: neither 16 nor 72 bytes, or more data than fit.
    pub fn parse(bytes: &[u8]) -> Result<Can, Malformed> {
        let fd = match bytes.len() {
            LENGTH => false,
            FD_LENGTH => true,
            0..LENGTH => return Err(Malformed::Truncated),
            _ => return Err(Malformed::Length),
        };
        let most = if fd { FD_DATA } else { DATA };
        let length = bytes[4];
        if usize::from(length) > most {
            return Err(Malformed::Length);
        }
        let mut data = [0; FD_DATA];
        data[..most].copy_from_slice(&bytes[HEAD..HEAD + most]);
        let identifier = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(Can { identifier, fd, flags: if fd { bytes[5] } else { 0 }, length, data })
    }

    /// The bytes of it that count.
    pub fn data(&self) -> &[u8] {
        &self.data[..usize::from(self.length).min(FD_DATA)]
    }

    /// Writes it: the bytes, of which the first so many are the frame.
    pub fn emit(&self) -> ([u8; FD_LENGTH], usize) {
        let (most, all) = if self.fd { (FD_DATA, FD_LENGTH) } else { (DATA, LENGTH) };
        let mut bytes = [0; FD_LENGTH];
        bytes[..4].copy_from_slice(&self.identifier.to_be_bytes());
        bytes[4] = self.length.min(most as u8);
        bytes[5] = if self.fd { self.flags } else { 0 };
        bytes[HEAD..HEAD + most].copy_from_slice(&self.data[..most]);
        (bytes, all)
    }

    /// Bytes of data on the bus: a request has none.
    pub fn data_length(&self) -> usize {
        if self.identifier & REMOTE != 0 { 0 } else { self.data().len() }
    }
}
