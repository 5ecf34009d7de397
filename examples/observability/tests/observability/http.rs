//! As much of HTTP/1.1 as the tests need.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A request or an answer: its first line, and its body.
pub(crate) struct Message {
    pub(crate) first_line: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// What comes next; `None` where the other side is done.
pub(crate) fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Message>> {
    let mut first_line = String::new();
    if stream.read_line(&mut first_line)? == 0 {
        return Ok(None);
    }
    let (mut length, mut is_chunked, mut content_type) = (0, false, String::new());
    loop {
        let mut header = String::new();
        stream.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(std::io::Error::other)?,
            "transfer-encoding" => is_chunked = value.trim() == "chunked",
            "content-type" => value.trim().clone_into(&mut content_type),
            _ => {}
        }
    }
    let mut body = Vec::new();
    loop {
        if is_chunked {
            let mut size = String::new();
            stream.read_line(&mut size)?;
            length = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
        }
        let from = body.len();
        body.resize(from + length, 0);
        stream.read_exact(&mut body[from..])?;
        if !is_chunked {
            break;
        }
        stream.read_line(&mut String::new())?;
        if length == 0 {
            break;
        }
    }
    Ok(Some(Message { first_line: first_line.trim().to_owned(), content_type, body }))
}

/// The body of the answer to a GET.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let answer = read(&mut BufReader::new(stream))?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    assert!(answer.first_line.ends_with("200 OK"), "{}", answer.first_line);
    assert!(answer.content_type.starts_with("text/plain"), "{}", answer.content_type);
    String::from_utf8(answer.body).map_err(std::io::Error::other)
}
