//! Options that many listed targets have in common.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Target, TargetOptions};

/// Options by address, so that channels that are polled alike share one copy, over lists too.
pub(super) struct SharedOptions(HashMap<Arc<str>, Vec<Arc<TargetOptions>>>);

impl SharedOptions {
    /// Those of the targets that are known.
    pub(super) fn of<'a>(targets: impl Iterator<Item = &'a Arc<Target>>) -> Self {
        let mut shared = Self(HashMap::new());
        for target in targets {
            let options = &target.options;
            let known = shared.at(&options.api_url);
            if !known.iter().any(|known| Arc::ptr_eq(known, options)) {
                known.push(Arc::clone(options));
            }
        }
        shared
    }

    /// The copy of these options that all have.
    pub(super) fn share(&mut self, options: TargetOptions) -> Arc<TargetOptions> {
        let known = self.at(&options.api_url);
        if let Some(same) = known.iter().find(|known| ***known == options) {
            return Arc::clone(same);
        }
        let options = Arc::new(options);
        known.push(Arc::clone(&options));
        options
    }

    fn at(&mut self, api_url: &Arc<str>) -> &mut Vec<Arc<TargetOptions>> {
        self.0.entry(Arc::clone(api_url)).or_default()
    }
}
