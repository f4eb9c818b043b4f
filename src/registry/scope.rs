//! Scopes: what a token lets its bearer do
//! ([token scopes](https://distribution.github.io/distribution/spec/auth/scope/)).

use std::collections::BTreeMap;

/// What is done to a repository. Pushing includes pulling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A set of permissions, by repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scopes(BTreeMap<String, Access>);

impl Scopes {
    /// The permission for one repository, by its name on the server.
    pub(super) fn new(name: String, access: Access) -> Scopes {
        Scopes(BTreeMap::from([(name, access)]))
    }

    /// These permissions and one more.
    pub(super) fn and(mut self, name: String, access: Access) -> Scopes {
        let known = self.0.entry(name).or_insert(access);
        *known = access.max(*known);
        self
    }

    /// Whether they let their bearer push anywhere.
    pub(super) fn push(&self) -> bool {
        self.0.values().any(|access| *access == Access::Push)
    }

    /// Whether a token with these permissions serves where `needed` is needed.
    pub(super) fn cover(&self, needed: &Scopes) -> bool {
        needed.0.iter().all(|(name, access)| self.0.get(name).is_some_and(|granted| granted >= access))
    }

    /// The values of the `scope` parameters that ask for these permissions, and for what the registry's challenge
    /// itself says is needed: it may know the repository under another name.
    pub(super) fn parameters(&self, challenged: Option<&str>) -> Vec<String> {
        let mut parameters: Vec<String> = self
            .0
            .iter()
            .map(|(name, access)| match access {
                Access::Pull => format!("repository:{name}:pull"),
                Access::Push => format!("repository:{name}:pull,push"),
            })
            .collect();
        for scope in challenged.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()) {
            let covered = match scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':')) {
                Some((name, actions)) => self.0.get(name).is_some_and(|access| {
                    actions.split(',').all(|action| action == "pull" || (action == "push" && *access == Access::Push))
                }),
                None => false,
            };
            if !covered && !parameters.iter().any(|known| known == scope) {
                parameters.push(scope.to_owned());
            }
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushing_covers_pulling_and_not_the_other_way() {
        let pull = Scopes::new("a/b".into(), Access::Pull);
        let push = Scopes::new("a/b".into(), Access::Push);
        let mount = push.clone().and("base/x".into(), Access::Pull);
        assert!(push.cover(&pull) && !pull.cover(&push));
        assert!(mount.cover(&push) && !push.cover(&mount));
        assert_eq!(pull.clone().and("a/b".into(), Access::Push), push);
        assert_eq!(mount.parameters(None), ["repository:a/b:pull,push", "repository:base/x:pull"]);
    }

    #[test]
    fn a_challenge_adds_what_was_not_thought_of() {
        let pull = Scopes::new("a/b".into(), Access::Pull);
        assert_eq!(pull.parameters(Some("repository:a/b:pull")), ["repository:a/b:pull"]);
        assert_eq!(
            pull.parameters(Some("repository:project/a/b:pull registry:x:*")),
            ["repository:a/b:pull", "repository:project/a/b:pull", "registry:x:*"]
        );
        assert_eq!(pull.parameters(Some("repository:a/b:pull,delete")).len(), 2);
    }
}
