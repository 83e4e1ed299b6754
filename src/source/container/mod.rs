//! What holds logits inside of something else: archives, tensors by name, compressed streams; and what is refused with a way in.

pub(super) mod compressed;
pub(super) mod kind;
pub(super) mod npz;
pub(super) mod safetensors;

/// At most so many names are shown.
const SHOWN: usize = 20;

/// Which of the arrays of a container is meant: the one that was asked for; else the only one, or the one called `logits`.
///
/// # Errors
/// What to do where that is none.
fn pick(names: &[String], wanted: Option<&str>) -> Result<usize, String> {
    let at = |name: &str| names.iter().position(|n| n == name);
    let list = || {
        let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
        let more = if names.len() > SHOWN { ", …" } else { "" };
        format!("{}{more}", shown.join(", "))
    };
    match wanted {
        Some(wanted) => at(wanted).ok_or_else(|| format!("has no array {wanted:?}; it has {}", list())),
        None if names.len() == 1 => Ok(0),
        None => at("logits").ok_or_else(|| {
            format!(
                "holds several arrays, and none is called logits: say which as FILE#NAME; it has {}",
                list()
            )
        }),
    }
}
