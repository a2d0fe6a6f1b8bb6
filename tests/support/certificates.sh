#!/bin/sh
# certificates.sh FOLDER: an authority (ca.pem), and certificates with their keys that it signed: right.pem for localhost,
# wrong.pem for another name. Extensions as rustls wants them: CA:TRUE on the authority alone.
set -eu
cd "$1"
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
leaf() {
    printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=%s\n' "$2" >ext
    openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 10 -extfile ext -out leaf
    cat leaf leaf.key >"$1.pem"
}
key ca.key
openssl req -x509 -new -key ca.key -days 30 -subj "/CN=CareLog tests" -out ca.pem \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
key leaf.key
openssl req -new -key leaf.key -subj "/CN=mail" -out request
leaf right DNS:localhost,IP:127.0.0.1
leaf wrong DNS:mail.elsewhere.test
