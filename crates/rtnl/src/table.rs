//! Tables of attributes: the facts of the seam as rows.
//!
//! A [`Table`] names the attributes that may stand in one place of a message: number, wire type, limits, the word
//! that people type, how it shows. From the same rows come request validation ([`Table::parse`]), the grammar
//! (`words`), both outputs (`show`), help and completion. What is not tabular is a hook function beside the table.
//!
//! Validation follows the kernel's "liberal" rules (`lib/nlattr.c`), which is what RTM_NEWLINK uses: unknown
//! numbers are passed over, a number may come twice (the last wins), a payload longer than its type is cut, a
//! shorter one is refused with ERANGE and the sentence "Attribute failed policy validation".

use crate::attr::{Attr, Attrs, HEADER};
use crate::errno::Errno;
use crate::message::Refusal;
use crate::show::Show;
use crate::words::Word;

/// One more than the largest attribute number that a table may hold.
pub const NUMBERS: usize = 72;

/// How a payload lies on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// One byte.
    U8,
    /// Two bytes, host order.
    U16,
    /// Two bytes, network order.
    U16Be,
    /// Four bytes, host order.
    U32,
    /// Four bytes, host order, signed.
    S32,
    /// Eight bytes, host order.
    U64,
    /// Nothing: the attribute's presence is the value.
    Flag,
    /// Text with or without a closing zero, at most so many bytes without it.
    Text(u16),
    /// At most so many bytes of any kind.
    Bytes(u16),
    /// At least so many bytes; what is longer is cut.
    AtLeast(u16),
    /// So many bytes (the kernel's `NLA_POLICY_EXACT_LEN`).
    Exact(u16),
    /// Attributes again.
    Nest,
    /// Never accepted in a request.
    Reject,
}

/// Who may write an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only the kernel, in replies; in a request it is passed over, whatever its length.
    Reply,
    /// Only the kernel, in replies; a request with it is refused (the kernel's `NLA_REJECT`).
    Refused,
    /// Clients too, in requests.
    Request,
}

/// One attribute.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its number.
    pub number: u16,
    /// Its name in the kernel's headers.
    pub name: &'static str,
    /// Its shape.
    pub wire: Wire,
    /// The smallest and the largest value that validation lets through (the kernel's `NLA_POLICY_RANGE`).
    pub limits: Option<(i64, i64)>,
    /// Who writes it.
    pub access: Access,
    /// What people type.
    pub word: Option<Word>,
    /// Its key in JSON.
    pub key: &'static str,
    /// How it is shown.
    pub show: Show,
}

impl Row {
    /// A row that clients may send, with no word and no show yet.
    pub const fn new(number: u16, name: &'static str, wire: Wire) -> Row {
        Row {
            number,
            name,
            wire,
            limits: None,
            access: Access::Request,
            word: None,
            key: "",
            show: Show::Nothing,
        }
    }

    /// Only in replies.
    pub const fn reply(mut self) -> Row {
        self.access = Access::Reply;
        self
    }

    /// Only in replies, and refused in requests.
    pub const fn refused(mut self) -> Row {
        self.access = Access::Refused;
        self
    }

    /// Refused by validation outside these limits.
    pub const fn limits(mut self, least: i64, most: i64) -> Row {
        self.limits = Some((least, most));
        self
    }

    /// What people type for it.
    pub const fn word(mut self, word: Word) -> Row {
        self.word = Some(word);
        self
    }

    /// How it shows; `key` is the one in JSON.
    pub const fn show(mut self, key: &'static str, show: Show) -> Row {
        self.key = key;
        self.show = show;
        self
    }
}

/// The attributes of one place.
pub struct Table {
    /// The enumeration's name in the kernel's headers, such as `IFLA_VLAN`.
    pub name: &'static str,
    /// The rows, in the order in which they are shown and in which words are tried.
    pub rows: &'static [Row],
    /// Words that are tried before the rows, where the tool tries words in another order than it shows them.
    pub first_words: &'static [&'static str],
    /// Attribute number to place in `rows` plus one; 0 where there is none.
    index: [u8; NUMBERS],
}

impl Table {
    /// A table over its rows. Fails to compile (as a constant) if a number is too large.
    pub const fn new(name: &'static str, rows: &'static [Row]) -> Table {
        let mut index = [0; NUMBERS];
        let mut at = 0;
        while at < rows.len() {
            let number = rows[at].number as usize;
            // A row that only adds a second word or show for a number stands behind the one with its shape.
            if index[number] == 0 {
                index[number] = at as u8 + 1;
            }
            at += 1;
        }
        Table { name, rows, first_words: &[], index }
    }

    /// The same table, with words (each the spelling in a row) that are tried before those of the other rows.
    pub const fn first(mut self, words: &'static [&'static str]) -> Table {
        self.first_words = words;
        self
    }

    /// The row of an attribute number.
    pub fn row(&self, number: u16) -> Option<&'static Row> {
        match self.index.get(usize::from(number)) {
            Some(&at) if at > 0 => Some(&self.rows[usize::from(at) - 1]),
            _ => None,
        }
    }

    /// Reads a stream of attributes, validating each against its row.
    ///
    /// # Errors
    /// ERANGE with the kernel's sentence and the attribute's offset if a row refuses its payload.
    pub fn parse<'a>(&self, attrs: Attrs<'a>) -> Result<Tb<'a>, Refusal> {
        let mut tb = Tb::over(attrs);
        for attr in attrs {
            let number = usize::from(attr.number);
            if number >= NUMBERS {
                continue;
            }
            if let Some(row) = self.row(attr.number) {
                row.validate(&attr)?;
            }
            tb.note(&attr);
        }
        Ok(tb)
    }

    /// Reads a stream of attributes without validation, as a client reads what its kernel sent.
    pub fn read<'a>(&self, attrs: Attrs<'a>) -> Tb<'a> {
        Tb::read(attrs)
    }
}

impl Row {
    fn validate(&self, attr: &Attr<'_>) -> Result<(), Refusal> {
        const POLICY: Refusal = Refusal::said(Errno::ERANGE, "Attribute failed policy validation");
        let length = attr.payload.len();
        match (self.access, self.wire) {
            (Access::Refused, _) | (_, Wire::Reject) => {
                return Err(Refusal { errno: Errno::EINVAL, ..POLICY.at(Some(*attr)) });
            }
            (Access::Reply, _) => return Ok(()),
            (Access::Request, Wire::Exact(exact)) if length != usize::from(exact) => {
                return Err(
                    Refusal::said(Errno::ERANGE, "binary attribute size out of range").at(Some(*attr))
                );
            }
            _ => {}
        }
        let fits = match self.wire {
            Wire::U8 => length >= 1,
            Wire::U16 | Wire::U16Be => length >= 2,
            Wire::U32 | Wire::S32 => length >= 4,
            Wire::U64 => length >= 8,
            Wire::Flag => length == 0,
            Wire::Text(most) => {
                length >= 1 && length - usize::from(attr.payload.ends_with(&[0])) <= usize::from(most)
            }
            Wire::Bytes(most) => length <= usize::from(most),
            Wire::AtLeast(least) => length >= usize::from(least),
            Wire::Nest => length == 0 || length >= HEADER,
            Wire::Exact(_) | Wire::Reject => true,
        };
        if !fits {
            return Err(POLICY.at(Some(*attr)));
        }
        let Some((least, most)) = self.limits else { return Ok(()) };
        let value = self.wire.number(attr).unwrap_or(0);
        if value < least || value > most {
            return Err(Refusal::said(Errno::ERANGE, "integer out of range").at(Some(*attr)));
        }
        Ok(())
    }
}

impl Wire {
    /// The payload as a number, where the shape is one.
    pub fn number(self, attr: &Attr<'_>) -> Option<i64> {
        match self {
            Wire::U8 => Some(i64::from(attr.u8())),
            Wire::U16 => Some(i64::from(attr.u16())),
            Wire::U16Be => Some(i64::from(attr.u16_be())),
            Wire::U32 => Some(i64::from(attr.u32())),
            Wire::S32 => Some(i64::from(attr.i32())),
            Wire::U64 => Some(attr.u64() as i64),
            _ => None,
        }
    }
}

/// The attributes of one place, found by number (the kernel's `tb[]`).
#[derive(Clone)]
pub struct Tb<'a> {
    stream: Attrs<'a>,
    /// Where in the stream each number's attribute begins, plus one; 0: it is not there. Places rather than slices,
    /// because a request makes several of these and they must cost little.
    places: [u32; NUMBERS],
}

impl<'a> Tb<'a> {
    /// No attribute at all.
    pub const fn empty() -> Self {
        Tb { stream: Attrs::new(&[], 0), places: [0; NUMBERS] }
    }

    const fn over(stream: Attrs<'a>) -> Self {
        Tb { stream, places: [0; NUMBERS] }
    }

    fn note(&mut self, attr: &Attr<'a>) {
        if let Some(place) = self.places.get_mut(usize::from(attr.number)) {
            *place = (attr.offset - self.stream.offset()) as u32 + 1;
        }
    }

    /// Reads a stream of attributes without validation; the last of a number wins.
    pub fn read(attrs: Attrs<'a>) -> Self {
        let mut tb = Tb::over(attrs);
        for attr in attrs {
            tb.note(&attr);
        }
        tb
    }

    /// The attribute of that number.
    pub fn get(&self, number: u16) -> Option<Attr<'a>> {
        let place = *self.places.get(usize::from(number))?;
        if place == 0 { None } else { self.stream.skip_bytes(place as usize - 1).next() }
    }

    /// Whether the attribute is there.
    pub fn has(&self, number: u16) -> bool {
        self.get(number).is_some()
    }

    /// The attribute as a byte.
    pub fn u8(&self, number: u16) -> Option<u8> {
        self.get(number).map(|attr| attr.u8())
    }

    /// The attribute as two bytes in host order.
    pub fn u16(&self, number: u16) -> Option<u16> {
        self.get(number).map(|attr| attr.u16())
    }

    /// The attribute as two bytes in network order.
    pub fn u16_be(&self, number: u16) -> Option<u16> {
        self.get(number).map(|attr| attr.u16_be())
    }

    /// The attribute as four bytes in host order.
    pub fn u32(&self, number: u16) -> Option<u32> {
        self.get(number).map(|attr| attr.u32())
    }

    /// The attribute as four bytes in host order, signed.
    pub fn i32(&self, number: u16) -> Option<i32> {
        self.get(number).map(|attr| attr.i32())
    }

    /// The attribute as eight bytes in host order.
    pub fn u64(&self, number: u16) -> Option<u64> {
        self.get(number).map(|attr| attr.u64())
    }

    /// The attribute as text up to its first zero byte.
    pub fn string(&self, number: u16) -> Option<&'a [u8]> {
        self.get(number).map(|attr| attr.string())
    }

    /// The attributes inside the attribute, unvalidated; an empty set if it is not there.
    pub fn nest(&self, number: u16) -> Tb<'a> {
        self.get(number).map_or_else(Tb::empty, |attr| Tb::read(attr.attrs()))
    }
}
