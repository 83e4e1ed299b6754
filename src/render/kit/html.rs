//! The page around a view: one file, nothing from elsewhere.

use super::escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1b1b;--soft:#5f5f5f;--line:#c9c9c9;--paper:#fff;--heat:213,94,0}\
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#a6a6a6;--line:#4a4a4a;--paper:#16181b;--heat:240,138,75}}\
body{margin:1.5rem auto;padding:0 1rem;max-width:72rem;background:var(--paper);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.25rem}figure{margin:1.5rem 0;overflow-x:auto}svg{max-width:none;height:auto}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font:13px ui-monospace,Menlo,Consolas,monospace}\
th,td{padding:.2rem .8rem .2rem 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
.l{text-align:left}caption{text-align:left;color:var(--soft);padding:.3rem 0}\
footer{margin-top:2rem;color:var(--soft);font-size:13px;overflow-wrap:anywhere}summary{cursor:pointer}\
.text{font:17px/2.4 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}\
.heat{padding:.15em 0;border-bottom:calc(.06em + .3em*var(--h)) solid rgb(var(--heat));background:rgba(var(--heat),calc(var(--h)*.4))}\
.legend .heat{margin-right:1.2em;font-size:13px}.text .heat:focus{outline:2px solid var(--ink)}\
.text .heat:focus::after{content:attr(title);position:fixed;left:0;right:0;bottom:0;padding:.6rem 1rem;background:var(--paper);\
border-top:2px solid var(--ink);font:14px/1.4 system-ui,sans-serif}";

/// A whole page; `body` is HTML already.
pub fn page(title: &str, body: &str, foot: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{0}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{0}</h1>\n{body}</main>\n<footer>{1}</footer>\n</body>\n</html>\n",
        escape(title),
        escape(foot)
    )
}

/// A picture in a page.
pub fn figure(svg: &str) -> String {
    format!("<figure tabindex=\"0\">\n{svg}</figure>\n")
}

/// A table in a page; the first row is its head. `align` has a letter for each column, `l` for text and `r` for numbers; the last one
/// counts for all that follow.
pub fn table(caption: &str, align: &str, rows: &[Vec<String>]) -> String {
    let mut html =
        format!("<div class=\"scroll\" tabindex=\"0\"><table><caption>{}</caption>\n", escape(caption));
    for (at, row) in rows.iter().enumerate() {
        let (open, close) = if at == 0 { ("<th scope=\"col\"", "</th>") } else { ("<td", "</td>") };
        let last = align.chars().last();
        let sides = align.chars().chain(last.into_iter().cycle());
        let cells = row.iter().zip(sides).map(|(cell, side)| {
            let class = if side == 'l' { " class=\"l\"" } else { "" };
            format!("{open}{class}>{}{close}", escape(cell))
        });
        let cells: String = cells.collect();
        html.push_str(&match at {
            0 => format!("<thead><tr>{cells}</tr></thead>\n<tbody>\n"),
            _ => format!("<tr>{cells}</tr>\n"),
        });
    }
    html + "</tbody></table></div>\n"
}
