//! `WHEEL` and `METADATA`: the headers of a mail, as Python's `email` reads them.

use crate::python::zip::shown;

/// The headers of a file, in their order; names in lower case.
#[derive(Debug)]
pub struct Headers {
    fields: Vec<(String, String)>,
}

impl Headers {
    /// Reads headers up to the empty line, or to the first that is none: there the text of a mail begins.
    ///
    /// # Errors
    ///
    /// If it is not UTF-8.
    pub fn parse(text: &[u8]) -> Result<Headers, String> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())?;
        let mut fields: Vec<(String, String)> = Vec::new();
        // A line ends with LF, CRLF or CR. The empty one between CR and LF would be the end.
        let unix = text.replace("\r\n", "\n");
        for line in unix.split(['\n', '\r']) {
            if line.starts_with([' ', '\t']) {
                let Some((_, value)) = fields.last_mut() else { break };
                let more = line.trim();
                if !more.is_empty() {
                    value.push(' ');
                    value.push_str(more);
                }
                continue;
            }
            let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_name(name)) else { break };
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Headers { fields })
    }

    /// All values of a header, whose name is in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header that may stand once: readers differ in which of two they take.
    ///
    /// # Errors
    ///
    /// If it stands more often.
    pub fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, String> {
        let mut all = self.all(name);
        let value = all.next();
        match all.next() {
            None => Ok(value),
            Some(_) => Err(format!("it has `{name}` more than once")),
        }
    }

    /// The value of a header that must stand once and is a plain text.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn needed<'a>(&'a self, name: &'a str) -> Result<&'a str, String> {
        let value = self.one(name)?.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| format!("it has no `{name}`"))?;
        if value.chars().any(char::is_control) {
            return Err(format!("its `{name}` is `{}`, which has control characters", shown(value)));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_a_mail() {
        let text = "Metadata-Version: 2.1\r\nNAME:  a b \nrequires-dist: x\n  >=1 ;\n\tpython_version>'3'\nRequires-Dist: y\n\
                    License: MIT\nno header\nRequires-Dist: z\n\nName: no\n";
        let headers = Headers::parse(text.as_bytes()).unwrap();
        assert_eq!(headers.needed("name"), Ok("a b"));
        assert_eq!(headers.all("requires-dist").collect::<Vec<_>>(), ["x >=1 ; python_version>'3'", "y"]);
        assert_eq!(headers.one("requires-dist"), Err("it has `requires-dist` more than once".to_owned()));
        assert_eq!(headers.one("version"), Ok(None));
        assert_eq!(headers.needed("version"), Err("it has no `version`".to_owned()));
    }

    #[test]
    fn the_text_of_a_mail_is_no_header() {
        for text in ["\nName: x", "\r\nName: x", "\rName: x", " a\nName: x", "a b: c\nName: x", ":\nName: x"] {
            assert_eq!(Headers::parse(text.as_bytes()).unwrap().one("name"), Ok(None), "{text:?}");
        }
        assert!(Headers::parse(b"Name: \xff").is_err());
        assert!(Headers::parse(b"Name: a\x1bb").unwrap().needed("name").is_err());
    }
}
