//! Tags: the list of a repository's tags, page by page.

use std::collections::HashSet;

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;

use super::client::RemoteRepository;
use super::endpoint::origin;
use super::error::{Action, Error};

/// Tags asked for at a time: more than 1000 is an error at ECR.
const PAGE: usize = 1000;
/// The largest page read: 4 MiB.
const MAX_PAGE: u64 = 4 << 20;
/// The most pages read.
const MAX_PAGES: usize = 1000;
/// The most tags kept.
const MAX_TAGS: usize = 200_000;

#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

impl RemoteRepository {
    /// All tags of the repository, as the registry sorts them.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such repository, [`Error::TooLarge`] if the list is without measure,
    /// [`Error::Malformed`] if it does not end.
    pub async fn tags(&self) -> Result<Vec<String>, Error> {
        let action = self.action("list the tags of", "", false);
        let mut url = self.url(&["tags", "list"])?;
        url.query_pairs_mut().append_pair("n", &PAGE.to_string());
        let mut tags = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..MAX_PAGES {
            let whole = self.read(&action, &url, &HeaderMap::new(), MAX_PAGE).await?;
            let page: Page = serde_json::from_slice(&whole.body)
                .map_err(|_| Error::malformed(&action, "the list of tags is not the JSON it should be"))?;
            tags.extend(page.tags.unwrap_or_default());
            if tags.len() > MAX_TAGS {
                return Err(Error::TooLarge { action: Box::new(action), limit: MAX_TAGS as u64 });
            }
            match next(&action, &whole.headers, &whole.url)? {
                Some(next) if seen.insert(next.clone()) => url = next,
                Some(_) => return Err(Error::malformed(&action, "its pages go round in a circle")),
                None => return Ok(tags),
            }
        }
        Err(Error::malformed(&action, format!("it has more than {MAX_PAGES} pages")))
    }
}

/// The page after this one, from `Link: <url>; rel="next"`.
fn next(action: &Action, headers: &HeaderMap, url: &Url) -> Result<Option<Url>, Error> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    for link in links.flat_map(|value| value.split(',')) {
        let Some((target, parameters)) = link.trim().strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
            continue;
        };
        let is_next = |parameter: &str| matches!(parameter.trim(), r#"rel="next""# | "rel=next");
        if !parameters.split(';').any(is_next) {
            continue;
        }
        let next = url.join(target).map_err(|_| Error::malformed(action, "its next page is no URL"))?;
        return match origin(&next) == origin(url) {
            true => Ok(Some(next)),
            false => Err(Error::malformed(action, "its next page is on another server")),
        };
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_next_page_of_the_same_server() {
        let action =
            Action { verb: "list", object: String::new(), host: String::new(), path: String::new(), writes: false };
        let url: Url = "https://h.example/v2/a/tags/list?n=2".parse().unwrap();
        let read = |link: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, link.parse().unwrap());
            next(&action, &headers, &url).map(|url| url.map(|url| url.to_string()))
        };
        let page = Some("https://h.example/v2/a/tags/list?last=b&n=2".to_owned());
        assert_eq!(read(r#"</v2/a/tags/list?last=b&n=2>; rel="next""#).unwrap(), page);
        assert_eq!(read(r#"<https://h.example/v2/a/tags/list?last=b&n=2>; rel=next"#).unwrap(), page);
        assert_eq!(read(r#"<x>; rel="prev""#).unwrap(), None);
        assert_eq!(read("rubbish").unwrap(), None);
        assert!(read(r#"<https://evil.example/>; rel="next""#).is_err());
    }
}
