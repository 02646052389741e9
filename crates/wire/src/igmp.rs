//! IGMP (RFC 1112: version 1, RFC 2236: version 2, RFC 3376: version 3).
//!
//! ```text
//! query v1 and v2, reports v1 and v2, leave:  type | maximum response | checksum | group     8 bytes
//! query v3:   the same, then S and QRV | QQIC | sources n | n addresses                       12 + 4 n bytes
//! report v3:  0x22 | 0 | checksum | 0 | records n | n × (type | aux | sources m | group | m addresses | aux × 4 bytes)
//! ```
//!
//! Lists are checked as a whole and then read one by one; bytes behind the last record are passed over, and written
//! again, as part of the list. Records at most [`RECORDS`]. Types of records are those of MLD
//! ([`crate::mld::record`]).

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, put_u16, u8_at, u16_at};
use crate::checksum;
use core::net::Ipv4Addr;

/// Bytes of the smallest message.
pub const LENGTH: usize = 8;
/// Records of a report at most.
pub const RECORDS: usize = 8192;

/// Types of messages.
#[allow(missing_docs)]
pub mod kind {
    pub const QUERY: u8 = 0x11;
    pub const REPORT_V1: u8 = 0x12;
    pub const REPORT_V2: u8 = 0x16;
    pub const LEAVE: u8 = 0x17;
    pub const REPORT_V3: u8 = 0x22;
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Igmp<'a> {
    /// Who listens?
    Query {
        /// How long an answer may take: 0 means version 1; in version 2 tenths of a second, in version 3 a code of them
        /// ([`response_v3`]).
        max_response: u8,
        /// The group asked for; unspecified: all.
        group: Ipv4Addr,
        /// What version 3 adds; none for versions 1 and 2.
        v3: Option<QueryV3<'a>>,
    },
    /// I do (version 1).
    ReportV1 {
        /// The group.
        group: Ipv4Addr,
    },
    /// I do (version 2).
    ReportV2 {
        /// The group.
        group: Ipv4Addr,
    },
    /// I do no longer (version 2).
    Leave {
        /// The group.
        group: Ipv4Addr,
    },
    /// What I listen to, or what has changed in it (version 3).
    ReportV3 {
        /// Group by group.
        records: Records<'a>,
    },
}

/// What version 3 adds to a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueryV3<'a> {
    /// Whether other routers shall leave their timers alone.
    pub suppress: bool,
    /// The querier's robustness: 0 to 7.
    pub robustness: u8,
    /// The querier's interval, as a code of seconds.
    pub interval: u8,
    /// The sources asked for: four bytes each.
    pub sources: &'a [u8],
}

/// The tenths of a second that a maximum response code of version 3 stands for (RFC 3376, 4.1.1); the interval's code
/// stands for seconds in the same way.
pub fn response_v3(code: u8) -> u32 {
    let code = u32::from(code);
    if code < 0x80 { code } else { (code & 15 | 16) << (((code >> 4) & 7) + 3) }
}

/// The records of a report, whose lengths were checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Records<'a> {
    count: u16,
    bytes: &'a [u8],
}

/// What is said of one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// What is said ([`crate::mld::record`]).
    pub kind: u8,
    /// The group.
    pub group: Ipv4Addr,
    /// The sources: four bytes each.
    pub sources: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the front of `bytes`, and what is behind it.
    fn read(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (head, rest) = bytes.split_at_checked(8)?;
        let (sources, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)) * 4)?;
        let rest = rest.get(usize::from(u8_at(head, 1)) * 4..)?;
        Some((Record { kind: u8_at(head, 0), group: array_at::<4>(head, 4).into(), sources }, rest))
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn length(&self) -> usize {
        8 + self.sources.len()
    }

    /// Writes the record without auxiliary data.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let count = u16::try_from(self.sources.len() / 4).ok()?;
        let writer = Writer::new(buffer, self.length())?.u8(self.kind).u8(0).u16(count);
        writer.bytes(&self.group.octets()).bytes(self.sources);
        Some(self.length())
    }
}

impl<'a> Records<'a> {
    /// So many records that lie in `bytes`.
    ///
    /// # Errors
    /// `Truncated`: fewer are there. `TooMany`: over [`RECORDS`].
    pub fn new(count: u16, bytes: &'a [u8]) -> Result<Self, Malformed> {
        if usize::from(count) > RECORDS {
            return Err(Malformed::TooMany);
        }
        let mut rest = bytes;
        for _ in 0..count {
            rest = Record::read(rest).ok_or(Malformed::Truncated)?.1;
        }
        Ok(Records { count, bytes })
    }

    /// How many there are.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The records, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut rest = self.bytes;
        (0..self.count).map_while(move |_| {
            let (record, behind) = Record::read(rest)?;
            rest = behind;
            Some(record)
        })
    }
}

/// The addresses of a list of sources.
pub fn sources(bytes: &[u8]) -> impl Iterator<Item = Ipv4Addr> + '_ {
    bytes.chunks_exact(4).map(|bytes| array_at::<4>(bytes, 0).into())
}

impl<'a> Igmp<'a> {
    /// Reads a message. A query of eight bytes is of version 1 or 2, one of twelve or more of version 3 (RFC 3376, 7.1).
    ///
    /// # Errors
    /// `Truncated`: the message ends before what it promises. `Checksum`. `Length`: a query between the versions'
    /// lengths. `Field`: a type that is none of these.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < LENGTH {
            return Err(Malformed::Truncated);
        }
        if !checksum::is_right(bytes) {
            return Err(Malformed::Checksum);
        }
        let group: Ipv4Addr = array_at::<4>(bytes, 4).into();
        match u8_at(bytes, 0) {
            kind::QUERY => Ok(Igmp::Query { max_response: u8_at(bytes, 1), group, v3: query_v3(bytes)? }),
            kind::REPORT_V1 => Ok(Igmp::ReportV1 { group }),
            kind::REPORT_V2 => Ok(Igmp::ReportV2 { group }),
            kind::LEAVE => Ok(Igmp::Leave { group }),
            kind::REPORT_V3 => {
                Ok(Igmp::ReportV3 { records: Records::new(u16_at(bytes, 6), from(bytes, LENGTH))? })
            }
            _ => Err(Malformed::Field),
        }
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn length(&self) -> usize {
        match self {
            Igmp::Query { v3: Some(v3), .. } => 12 + v3.sources.len(),
            Igmp::ReportV3 { records } => LENGTH + records.bytes.len(),
            _ => LENGTH,
        }
    }

    /// Writes the message with its checksum.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.length();
        let message = buffer.get_mut(..length)?;
        let writer = Writer::new(message, length)?;
        let simple = |writer: Writer<'_>, kind: u8, group: Ipv4Addr| {
            writer.u8(kind).u8(0).u16(0).bytes(&group.octets());
        };
        match *self {
            Igmp::Query { max_response, group, v3 } => {
                let writer = writer.u8(kind::QUERY).u8(max_response).u16(0).bytes(&group.octets());
                if let Some(v3) = v3 {
                    let count = u16::try_from(v3.sources.len() / 4).ok()?;
                    let flags = u8::from(v3.suppress) << 3 | v3.robustness & 7;
                    writer.u8(flags).u8(v3.interval).u16(count).bytes(v3.sources);
                }
            }
            Igmp::ReportV1 { group } => simple(writer, kind::REPORT_V1, group),
            Igmp::ReportV2 { group } => simple(writer, kind::REPORT_V2, group),
            Igmp::Leave { group } => simple(writer, kind::LEAVE, group),
            Igmp::ReportV3 { records } => {
                let writer = writer.u8(kind::REPORT_V3).u8(0).u16(0).u16(0);
                writer.u16(records.count).bytes(records.bytes);
            }
        }
        let sum = checksum::checksum(message);
        put_u16(message, 2, sum);
        Some(length)
    }
}

fn query_v3(bytes: &[u8]) -> Result<Option<QueryV3<'_>>, Malformed> {
    if bytes.len() == LENGTH {
        return Ok(None);
    }
    if bytes.len() < 12 {
        return Err(Malformed::Length);
    }
    let count = usize::from(u16_at(bytes, 10));
    let sources = from(bytes, 12).get(..count * 4).ok_or(Malformed::Truncated)?;
    let flags = u8_at(bytes, 8);
    Ok(Some(QueryV3 { suppress: flags & 8 != 0, robustness: flags & 7, interval: u8_at(bytes, 9), sources }))
}
