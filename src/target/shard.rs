//! Which part of all targets a process watches, when several share them.
//!
//! Not here: what is done with the others (`target_set.rs`, `other_shards.rs`).

use std::fmt;
use std::hash::Hasher;

use fnv::FnvHasher;

use crate::domain::TargetKind;
use crate::upstream::ProviderId;

/// More processes than anybody runs, and few enough that a slip is noticed.
const MAX_SHARDS: u32 = 1000;

/// One of several processes that share all targets. They are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    shards: u32,
}

impl Shard {
    /// Reads `2/5`, or `auto/5` on a host whose name ends in an ordinal, as a StatefulSet's pods
    /// have it: `exporter-1` is 2.
    ///
    /// # Errors
    ///
    /// What is wrong and what to write instead.
    pub fn parse(text: &str, hostname: Option<&str>) -> Result<Self, String> {
        const FORM: &str = "write for example `2/5` for the second of five, or `auto/5` in a \
            StatefulSet";
        let (number, shards) = text.trim().split_once('/').ok_or_else(|| {
            format!("is not the number of a shard and how many there are; {FORM}")
        })?;
        let shards: u32 = parse(shards)
            .filter(|shards| (1..=MAX_SHARDS).contains(shards))
            .ok_or_else(|| format!("there can be 1 to {MAX_SHARDS} shards; {FORM}"))?;
        let number =
            match number.trim() {
                "auto" => {
                    let ordinal = hostname.and_then(|name| parse(name.rsplit_once('-')?.1));
                    let ordinal = ordinal.ok_or(
                    "`auto` needs a host name that ends in `-` and a number, as a StatefulSet's \
                     pods have; HOSTNAME is another one here",
                )?;
                    if ordinal >= shards {
                        return Err(format!(
                            "the host name ends in {ordinal}, which would be shard {} of {shards}: \
                         there are more replicas than shards",
                            u64::from(ordinal) + 1
                        ));
                    }
                    ordinal + 1
                }
                number => parse(number).filter(|number| (1..=shards).contains(number)).ok_or_else(
                    || format!("shards are numbered from 1 to how many there are; {FORM}"),
                )?,
            };
        Ok(Self { number, shards })
    }

    /// Its number, from 1.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub const fn shards(self) -> u32 {
        self.shards
    }

    /// Whether it watches a target. Every shard watches every source and its accounts, whose lists
    /// it needs.
    pub fn watches(self, kind: TargetKind, provider: ProviderId, name: &str) -> bool {
        matches!(kind, TargetKind::Source | TargetKind::Account)
            || self.of(provider, name) == self.number
    }

    /// The shard of a target.
    fn of(self, provider: ProviderId, name: &str) -> u32 {
        let mut hasher = FnvHasher::default();
        [provider.label(), "/", name].iter().for_each(|part| hasher.write(part.as_bytes()));
        jump(hasher.finish(), self.shards) + 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.shards)
    }
}

/// Digits alone, where `parse` takes a sign too.
fn parse(text: &str) -> Option<u32> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The jump consistent hash of Lamping and Veach (arXiv 1406.2294): from 0, and of one bucket more
/// only that bucket's share moves.
fn jump(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0, 0_u64);
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket + 1) as f64 * ((1_u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as u64;
    }
    u32::try_from(bucket).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: ProviderId = ProviderId::new(&(0, "test"));

    fn fnv(text: &str) -> u64 {
        let mut hasher = FnvHasher::default();
        hasher.write(text.as_bytes());
        hasher.finish()
    }

    #[test]
    fn the_hashes_are_those_that_others_compute() {
        // From the page of FNV's authors.
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv(text), hash);
        }
        // From the tests of github.com/dgryski/go-jump, which kube-state-metrics uses.
        for (key, buckets, bucket) in [
            (1, 1, 0),
            (42, 57, 43),
            (0xdead_10cc, 1, 0),
            (0xdead_10cc, 666, 361),
            (256, 1024, 520),
        ] {
            assert_eq!(jump(key, buckets), bucket, "{key}, {buckets}");
        }
        // What a target's shard is must never change with a release.
        let five = Shard { number: 1, shards: 5 };
        let of: Vec<u32> = ["a", "sales", "shop-17"].map(|name| five.of(PROVIDER, name)).into();
        assert_eq!(
            of,
            [
                jump(fnv("test/a"), 5) + 1,
                five.of(PROVIDER, "sales"),
                jump(fnv("test/shop-17"), 5) + 1
            ]
        );
    }

    #[test]
    fn every_target_has_one_shard_and_shards_are_about_equal() {
        for shards in [1, 2, 3, 5, 16] {
            let mut counts = vec![0; shards as usize];
            for at in 0..10_000 {
                let name = format!("channel-{at:05}");
                let watching = (1..=shards).filter(|number| {
                    Shard { number: *number, shards }.watches(TargetKind::Channel, PROVIDER, &name)
                });
                let watching: Vec<u32> = watching.collect();
                assert_eq!(watching.len(), 1, "{name}");
                counts[watching[0] as usize - 1] += 1;
            }
            let fair = 10_000 / shards;
            let about = fair * 85 / 100..=fair * 115 / 100;
            assert!(counts.iter().all(|count| about.contains(count)), "{shards}: {counts:?}");
        }
    }

    #[test]
    fn one_shard_more_takes_its_part_from_all_and_nothing_else_moves() {
        let (three, four) = (Shard { number: 1, shards: 3 }, Shard { number: 1, shards: 4 });
        let mut moved = 0;
        for at in 0..10_000 {
            let name = format!("channel-{at}");
            let (before, after) = (three.of(PROVIDER, &name), four.of(PROVIDER, &name));
            if before != after {
                assert_eq!(after, 4, "{name} moved from {before}");
                moved += 1;
            }
        }
        assert!((2_300..2_700).contains(&moved), "{moved}");
    }

    #[test]
    fn a_source_is_watched_by_every_shard() {
        for number in 1..=5 {
            let shard = Shard { number, shards: 5 };
            assert!(shard.watches(TargetKind::Source, PROVIDER, "eu"));
        }
    }

    #[test]
    fn shards_are_read_and_mistakes_are_told() {
        let read = |text: &str, host| Shard::parse(text, host).map(|one| (one.number, one.shards));
        assert_eq!(read("2/5", None), Ok((2, 5)));
        assert_eq!(read(" 1 / 1 ", None), Ok((1, 1)));
        assert_eq!(read("auto/5", Some("exporter-0")), Ok((1, 5)));
        assert_eq!(read("auto/5", Some("whatsapp-exporter-4")), Ok((5, 5)));
        for (text, host, told) in [
            ("2", None, "is not the number of a shard"),
            ("0/5", None, "numbered from 1"),
            ("6/5", None, "numbered from 1"),
            ("+1/5", None, "numbered from 1"),
            ("1/0", None, "1 to 1000"),
            ("1/1001", None, "1 to 1000"),
            ("x/y", None, "1 to 1000"),
            ("auto/5", None, "needs a host name"),
            ("auto/5", Some("laptop"), "needs a host name"),
            ("auto/5", Some("exporter-7d9f-x"), "needs a host name"),
            ("auto/5", Some("exporter-5"), "more replicas than shards"),
        ] {
            let sentence = read(text, host).unwrap_err();
            assert!(sentence.contains(told), "{text} at {host:?}: {sentence}");
        }
    }
}
