//! Merging: the layers of several platforms become one list, those that all have written once.

use std::collections::BTreeMap;

use crate::image::Platform;
use crate::spec::{LayerRecipe, write_layer};

/// One list of the layers of each platform, each of them in its own order. What is not for all platforms says so.
pub(super) fn merge(layers: &[Vec<LayerRecipe>], platforms: &[Platform]) -> Vec<LayerRecipe> {
    struct Merged {
        text: String,
        layer: LayerRecipe,
        platforms: Vec<usize>,
    }

    let mut merged: Vec<Merged> = Vec::new();
    for (platform, layers) in layers.iter().enumerate() {
        let mut place = 0;
        for layer in layers {
            let text = write_layer(layer, &BTreeMap::new());
            match merged.iter().skip(place).position(|other| other.text == text) {
                Some(found) => {
                    place += found;
                    merged[place].platforms.push(platform);
                }
                None => merged.insert(place, Merged { text, layer: layer.clone(), platforms: vec![platform] }),
            }
            place += 1;
        }
    }
    let own = |of: &[usize]| of.iter().filter_map(|&at| platforms.get(at).cloned()).collect();
    merged
        .into_iter()
        .map(|Merged { layer, platforms: of, .. }| {
            let platforms = (of.len() < layers.len()).then(|| own(&of));
            LayerRecipe { platforms, ..layer }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::LayerContent;

    #[test]
    fn each_platform_keeps_its_order() {
        let layers = |names: &str| -> Vec<LayerRecipe> {
            names.chars().map(|name| LayerRecipe::new(&name.to_string(), LayerContent::Entries(Vec::new()))).collect()
        };
        let platforms: Vec<Platform> = ["linux/amd64", "linux/arm64", "linux/s390x"].map(|p| p.parse().unwrap()).into();
        for lists in [["abc", "abc", "abc"], ["abc", "axc", "ac"], ["", "ab", "ba"], ["abcd", "cdab", "dcba"]] {
            let all: Vec<Vec<LayerRecipe>> = lists.iter().map(|names| layers(names)).collect();
            let merged = merge(&all, &platforms);
            for (names, platform) in lists.iter().zip(&platforms) {
                let own = merged.iter().filter(|layer| layer.is_for(platform));
                assert_eq!(own.map(|layer| layer.name.as_str()).collect::<String>(), **names, "{lists:?}");
            }
        }
        assert_eq!(merge(&[layers("abc"), layers("axc")], &platforms).len(), 4);
    }
}
