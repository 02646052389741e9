//! Rows → what people see: one machine that shows any table as text and as JSON.
//!
//! Attributes are shown in the order of the rows, each as its [`Show`] says, and only if the kernel sent it.
//! What is not tabular is a hook, which sees all attributes of the place.

use crate::client::Links;
use crate::sink::{Sink, mac_text};
use crate::table::{Row, Table, Tb};

/// What showing needs: the sink, and names for indexes.
pub struct Scene<'s> {
    /// Where it goes.
    pub sink: &'s mut Sink,
    /// Names of links.
    pub links: &'s mut dyn Links,
}

/// A hook of showing: sees all attributes of the place.
pub type Hook = fn(&mut Scene<'_>, &Tb<'_>);

/// How an attribute is shown. The texts are what stands before the value; a blank follows the value.
#[derive(Clone, Copy)]
pub enum Show {
    /// Not at all.
    Nothing,
    /// As a number.
    Uint(&'static str),
    /// As a signed number.
    Int(&'static str),
    /// As `on` or `off`; a truth value in JSON.
    OnOff(&'static str),
    /// As `0x…`; a string in JSON.
    Hex0x(&'static str),
    /// As hexadecimal digits without `0x`; a string in JSON.
    Hex(&'static str),
    /// As a time in hundredths of a second.
    Hundredths(&'static str),
    /// As one of these names, by value; the number if there is none.
    Choice(&'static str, &'static [(u64, &'static str)]),
    /// As a link-layer address.
    Mac(&'static str),
    /// As text.
    Text(&'static str),
    /// As the name of the link with that index.
    Link(&'static str),
    /// Not tabular.
    Hook(Hook),
}

impl Table {
    /// Shows the attributes in the order of the rows.
    pub fn show(&self, scene: &mut Scene<'_>, tb: &Tb<'_>) {
        for row in self.rows {
            row.show_in(scene, tb);
        }
    }
}

impl Row {
    fn show_in(&self, scene: &mut Scene<'_>, tb: &Tb<'_>) {
        let Some(attr) = tb.get(self.number) else { return };
        let value = self.wire.number(&attr).unwrap_or(0);
        let unsigned = value as u64;
        let sink = &mut *scene.sink;
        match self.show {
            Show::Nothing => {}
            Show::Uint(before) => sink.uint(self.key, before, unsigned, " "),
            // The tool prints these through C's `int`.
            Show::Int(before) => sink.int(self.key, before, i64::from(value as i32), " "),
            Show::OnOff(before) => sink.on_off(self.key, before, value != 0, " "),
            Show::Hex0x(before) => sink.hex0x(self.key, before, unsigned, " "),
            Show::Hex(before) => sink.hex(self.key, before, unsigned, " "),
            Show::Hundredths(before) => sink.hundredths(self.key, before, unsigned, " "),
            Show::Choice(before, names) => match names.iter().find(|(number, _)| *number == unsigned) {
                Some((_, name)) => sink.string(self.key, before, name, " "),
                None => sink.uint(self.key, before, unsigned, " "),
            },
            Show::Mac(before) => sink.string(self.key, before, &mac_text(attr.payload), " "),
            Show::Text(before) => sink.string(self.key, before, &attr.text(), " "),
            Show::Link(before) => {
                let name = scene.links.name(unsigned as u32);
                scene.sink.string(self.key, before, &name, " ");
            }
            Show::Hook(hook) => hook(scene, tb),
        }
    }
}
