//! Multicast listener discovery (RFC 2710: version 1, RFC 3810: version 2).
//!
//! They are bodies of ICMPv6 messages ([`crate::icmpv6`]): here begin the bytes behind type, code and checksum.
//!
//! ```text
//! query v1, report v1, done:  maximum response (ms) | 0 | group                               20 bytes
//! query v2:                   the same, then S and QRV | QQIC | sources n | n addresses       24 + 16 n bytes
//! report v2:                  0 | records n | n × (type | aux | sources m | group | m addresses | aux × 4 bytes)
//! ```
//!
//! Lists are checked as a whole and then read one by one; bytes behind the last record are passed over, and written
//! again, as part of the list. Records at most [`RECORDS`].

use crate::Malformed;
use crate::bytes::{Writer, array_at, from, u8_at, u16_at};
use core::net::Ipv6Addr;

/// Records of a report at most.
pub const RECORDS: usize = 4096;

/// Types of messages, as ICMPv6 numbers them.
#[allow(missing_docs)]
pub mod kind {
    pub const QUERY: u8 = 130;
    pub const REPORT: u8 = 131;
    pub const DONE: u8 = 132;
    pub const REPORT_V2: u8 = 143;
}

/// Types of records (RFC 3810, 5.2.12), which are those of IGMPv3 too.
#[allow(missing_docs)]
pub mod record {
    pub const IS_INCLUDE: u8 = 1;
    pub const IS_EXCLUDE: u8 = 2;
    pub const TO_INCLUDE: u8 = 3;
    pub const TO_EXCLUDE: u8 = 4;
    pub const ALLOW: u8 = 5;
    pub const BLOCK: u8 = 6;
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mld<'a> {
    /// Who listens?
    Query {
        /// How long an answer may take; in version 1 milliseconds, in version 2 a code ([`response_v2`]).
        max_response: u16,
        /// The group asked for; unspecified: all.
        group: Ipv6Addr,
        /// What version 2 adds; none for version 1.
        v2: Option<QueryV2<'a>>,
    },
    /// I do (version 1).
    Report {
        /// The group.
        group: Ipv6Addr,
    },
    /// I do no longer (version 1).
    Done {
        /// The group.
        group: Ipv6Addr,
    },
    /// What I listen to, or what has changed in it (version 2).
    ReportV2 {
        /// Group by group.
        records: Records<'a>,
    },
}

/// What version 2 adds to a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueryV2<'a> {
    /// Whether other routers shall leave their timers alone.
    pub suppress: bool,
    /// The querier's robustness: 0 to 7.
    pub robustness: u8,
    /// The querier's interval, as a code of seconds.
    pub interval: u8,
    /// The sources asked for: 16 bytes each.
    pub sources: &'a [u8],
}

/// The milliseconds that a maximum response code of version 2 stands for (RFC 3810, 5.1.3).
pub fn response_v2(code: u16) -> u32 {
    let code = u32::from(code);
    if code < 0x8000 { code } else { (code & 0xfff | 0x1000) << (((code >> 12) & 7) + 3) }
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
    /// What is said ([`record`]).
    pub kind: u8,
    /// The group.
    pub group: Ipv6Addr,
    /// The sources: 16 bytes each.
    pub sources: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the front of `bytes`, and what is behind it.
    fn read(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (head, rest) = bytes.split_at_checked(20)?;
        let (sources, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)) * 16)?;
        let rest = rest.get(usize::from(u8_at(head, 1)) * 4..)?;
        Some((Record { kind: u8_at(head, 0), group: array_at::<16>(head, 4).into(), sources }, rest))
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn length(&self) -> usize {
        20 + self.sources.len()
    }

    /// Writes the record without auxiliary data.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let count = u16::try_from(self.sources.len() / 16).ok()?;
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
pub fn sources(bytes: &[u8]) -> impl Iterator<Item = Ipv6Addr> + '_ {
    bytes.chunks_exact(16).map(|bytes| array_at::<16>(bytes, 0).into())
}

impl<'a> Mld<'a> {
    /// Reads the body of a message of that type: what is behind type, code and checksum. A query of 20 bytes is of
    /// version 1, one of 24 or more of version 2 (RFC 3810, 8.1).
    ///
    /// # Errors
    /// `Field`: the type is none of these. `Truncated`: the body ends before what it promises. `Length`: a query
    /// between the two versions' lengths.
    pub fn parse(kind: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        if kind == kind::REPORT_V2 {
            let records = body.get(4..).ok_or(Malformed::Truncated)?;
            return Ok(Mld::ReportV2 { records: Records::new(u16_at(body, 2), records)? });
        }
        if body.len() < 20 {
            return Err(Malformed::Truncated);
        }
        let group: Ipv6Addr = array_at::<16>(body, 4).into();
        match kind {
            kind::QUERY => Ok(Mld::Query { max_response: u16_at(body, 0), group, v2: query_v2(body)? }),
            kind::REPORT => Ok(Mld::Report { group }),
            kind::DONE => Ok(Mld::Done { group }),
            _ => Err(Malformed::Field),
        }
    }

    /// The type, as ICMPv6 numbers it.
    pub fn kind(&self) -> u8 {
        match self {
            Mld::Query { .. } => kind::QUERY,
            Mld::Report { .. } => kind::REPORT,
            Mld::Done { .. } => kind::DONE,
            Mld::ReportV2 { .. } => kind::REPORT_V2,
        }
    }

    /// Bytes that [`emit`](Self::emit) writes.
    pub fn length(&self) -> usize {
        match self {
            Mld::Query { v2: Some(v2), .. } => 24 + v2.sources.len(),
            Mld::ReportV2 { records } => 4 + records.bytes.len(),
            _ => 20,
        }
    }

    /// Writes the body: what is behind type, code and checksum.
    pub fn emit(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.length();
        let writer = Writer::new(buffer, length)?;
        match *self {
            Mld::Query { max_response, group, v2 } => {
                let writer = writer.u16(max_response).u16(0).bytes(&group.octets());
                if let Some(v2) = v2 {
                    let count = u16::try_from(v2.sources.len() / 16).ok()?;
                    let flags = u8::from(v2.suppress) << 3 | v2.robustness & 7;
                    writer.u8(flags).u8(v2.interval).u16(count).bytes(v2.sources);
                }
            }
            Mld::Report { group } | Mld::Done { group } => {
                writer.u32(0).bytes(&group.octets());
            }
            Mld::ReportV2 { records } => {
                writer.u16(0).u16(records.count).bytes(records.bytes);
            }
        }
        Some(length)
    }
}

fn query_v2(body: &[u8]) -> Result<Option<QueryV2<'_>>, Malformed> {
    if body.len() == 20 {
        return Ok(None);
    }
    if body.len() < 24 {
        return Err(Malformed::Length);
    }
    let count = usize::from(u16_at(body, 22));
    let sources = from(body, 24).get(..count * 16).ok_or(Malformed::Truncated)?;
    let flags = u8_at(body, 20);
    Ok(Some(QueryV2 { suppress: flags & 8 != 0, robustness: flags & 7, interval: u8_at(body, 21), sources }))
}
