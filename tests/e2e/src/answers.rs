//! A server that answers kubectl with objects from a file: for what no real object of the cluster would show.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
};

use serde_json::{Value, json};

/// Serves the list as `things` of `golden.test/v1` in namespace `shop` on the loopback, as long as the process lives;
/// returns its address.
pub fn serve(list: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that went away is no concern of the next.
            let _ = answer(stream, &list);
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, list: &Value) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let body = at(path, list);
    let (code, body) = match body {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404})),
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {code}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn at(path: &str, list: &Value) -> Option<Value> {
    let version = json!({"groupVersion": "golden.test/v1", "version": "v1"});
    let things = json!({"name": "things", "singularName": "thing", "namespaced": true, "kind": "Thing", "verbs": ["get", "list"]});
    match path {
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/api/v1" => Some(json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": []})),
        "/apis" => Some(json!({"kind": "APIGroupList", "apiVersion": "v1",
            "groups": [{"name": "golden.test", "versions": [version], "preferredVersion": version}]})),
        "/apis/golden.test/v1" => {
            Some(json!({"kind": "APIResourceList", "groupVersion": "golden.test/v1", "resources": [things]}))
        }
        _ => match path.strip_prefix("/apis/golden.test/v1/namespaces/shop/things")? {
            "" => Some(list.clone()),
            name => {
                let wanted = |item: &&Value| item["metadata"]["name"].as_str() == name.strip_prefix('/');
                list["items"].as_array()?.iter().find(wanted).cloned()
            }
        },
    }
}
