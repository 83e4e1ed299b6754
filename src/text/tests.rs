//! What the reference says of tokenizers is so here, and what it does not say.

use super::*;
