//! The page around a view: one file, nothing from elsewhere.

use super::escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1b1b;--soft:#5f5f5f;--line:#c9c9c9;--paper:#fff;--heat:213,94,0}\
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#a6a6a6;--line:#4a4a4a;--paper:#16181b;--heat:240,138,75}}\
body{margin:1.5rem auto;padding:0 1rem;max-width:72rem;background:var(--paper);color:var(--ink);\
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.25rem}figure{margin:1.5rem 0;overflow-x:auto}svg{max-width:none;height:auto}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font:13px ui-monospace,Menlo,Consolas,monospace}\
th,td{padding:.2rem .8rem .2rem 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th:first-child,td:first-child,th.l,td.l{text-align:left}caption{text-align:left;color:var(--soft);padding:.3rem 0}\
footer{margin-top:2rem;color:var(--soft);font-size:13px;overflow-wrap:anywhere}summary{cursor:pointer}\
.text{font:17px/2.4 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}\
.text span{padding:.15em 0;border-bottom:.18em solid rgba(var(--heat),var(--h));background:rgba(var(--heat),calc(var(--h)*.45))}\
.text span:focus{outline:2px solid var(--ink)}";

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

/// A table in a page; the first row is its head.
pub fn table(caption: &str, rows: &[Vec<String>]) -> String {
    let mut html =
        format!("<div class=\"scroll\" tabindex=\"0\"><table><caption>{}</caption>\n", escape(caption));
    for (at, row) in rows.iter().enumerate() {
        let (open, close) = if at == 0 { ("<th scope=\"col\">", "</th>") } else { ("<td>", "</td>") };
        let cells: String = row.iter().map(|cell| format!("{open}{}{close}", escape(cell))).collect();
        html.push_str(&match at {
            0 => format!("<thead><tr>{cells}</tr></thead>\n<tbody>\n"),
            _ => format!("<tr>{cells}</tr>\n"),
        });
    }
    html + "</tbody></table></div>\n"
}
