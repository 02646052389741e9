//! Reading and writing big-endian fields without a way to panic: what is not there reads as zero, and what does not
//! fit is not written. Views check lengths beforehand, so neither happens behind them.

/// The byte at a place.
#[inline]
pub(crate) fn u8_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The two bytes from a place on.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array_at(bytes, at))
}

/// The four bytes from a place on.
#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array_at(bytes, at))
}

/// So many bytes from a place on.
#[inline]
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// The bytes from a place on; none if they end before.
#[inline]
pub(crate) fn from(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

/// Writes fields one behind another.
pub(crate) struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    /// Writes to exactly the first `length` bytes; none if there are fewer.
    #[inline]
    pub(crate) fn new(buffer: &'a mut [u8], length: usize) -> Option<Writer<'a>> {
        buffer.get_mut(..length).map(|rest| Writer { rest })
    }

    #[inline]
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        let rest = core::mem::take(&mut self.rest);
        if let Some((place, rest)) = rest.split_at_mut_checked(bytes.len()) {
            place.copy_from_slice(bytes);
            self.rest = rest;
        }
        self
    }

    #[inline]
    pub(crate) fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    #[inline]
    pub(crate) fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    #[inline]
    pub(crate) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }
}

/// Writes two bytes at a place.
#[inline]
pub(crate) fn put_u16(buffer: &mut [u8], at: usize, value: u16) {
    if let Some(place) = buffer.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = value.to_be_bytes();
    }
}
