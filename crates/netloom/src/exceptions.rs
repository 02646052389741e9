//! The list of transcripts that may differ, each with its reason. One a line: the file's name, then the reason;
//! lines that begin with `#` are remarks. A file that is listed and equal is an error too: the list must shrink.

use crate::trouble::Trouble;
use std::collections::BTreeMap;
use std::path::Path;

/// File names and why those files may differ.
#[derive(Clone, Debug, Default)]
pub struct Exceptions(BTreeMap<String, String>);

impl Exceptions {
    /// Reads a list.
    ///
    /// # Errors
    /// The file cannot be read, or a line has no reason or names a file twice.
    pub fn read(path: &Path) -> Result<Exceptions, Trouble> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| Trouble::io(&name, &e))?;
        Exceptions::parse(&name, &text)
    }

    /// Reads a list from its text.
    ///
    /// # Errors
    /// A line has no reason or names a file twice.
    pub fn parse(name: &str, text: &str) -> Result<Exceptions, Trouble> {
        let mut reasons = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((file, reason)) = line.split_once(char::is_whitespace) else {
                return Err(Trouble::line(name, number, "write the reason behind the file's name"));
            };
            let reason = reason.trim_start_matches(|c: char| c.is_whitespace() || ":-–—".contains(c));
            if reasons.insert(file.trim_end_matches(':').into(), reason.into()).is_some() {
                return Err(Trouble::line(name, number, format!("{file} is listed twice")));
            }
        }
        Ok(Exceptions(reasons))
    }

    /// Why a file may differ; none if it may not.
    pub fn reason(&self, file: &Path) -> Option<&str> {
        let name = file.file_name()?.to_str()?;
        self.0.get(name).map(String::as_str)
    }

    /// The names on the list.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_reasons() {
        let list = Exceptions::parse("x", "# remark\n\na.txt  needs ping\nb.txt: needs bond\n").unwrap();
        assert_eq!(list.reason(Path::new("some/a.txt")), Some("needs ping"));
        assert_eq!(list.reason(Path::new("b.txt")), Some("needs bond"));
        assert_eq!(list.reason(Path::new("c.txt")), None);
        assert_eq!(list.names().collect::<Vec<_>>(), ["a.txt", "b.txt"]);
    }

    #[test]
    fn wants_reasons_and_no_doubles() {
        assert_eq!(Exceptions::parse("x", "a.txt\n").unwrap_err().line, Some(1));
        assert_eq!(Exceptions::parse("x", "a.txt r\na.txt s\n").unwrap_err().line, Some(2));
    }
}
