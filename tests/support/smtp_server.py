"""A mail server that can be told to misbehave while it runs.

usage: smtp_server.py FOLDER [--port N] [--tls FILE] [--implicit] [--password TEXT]

Prints the port that it listens at. What it accepts is kept as FOLDER/mail/N, with the recipient in N.to; each connection
adds a line to FOLDER/connections. What it does wrong is one word in FOLDER/mode, read anew at each step:

    greylist     451 to RCPT                    reject      550 to RCPT
    datafail     554 after DATA                 busy        421 to MAIL
    drop         cuts the connection in DATA    unheard     takes the mail and cuts the connection
    stall        takes the mail and is silent   noauth      535 to AUTH
    nostarttls   offers no STARTTLS             (empty)     nothing
A word may be followed by a blank and the only recipient that it is for.
"""
import argparse
import asyncio
import logging
import os
import ssl

from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--tls", help="certificate and key")
parser.add_argument("--implicit", action="store_true")
parser.add_argument("--password", help="of the user 'carelog'; none: nobody has to log in")
args = parser.parse_args()
mail = os.path.join(args.folder, "mail")
os.makedirs(mail, exist_ok=True)

# It complains of what it does itself.
logging.getLogger("mail.log").setLevel(logging.ERROR)

context = None
if args.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.tls)


def does(mode, recipient=""):
    try:
        with open(os.path.join(args.folder, "mode"), encoding="utf-8") as file:
            words = file.read().split()
    except FileNotFoundError:
        return False
    return words[:1] == [mode] and words[1:2] in ([], [recipient])


def keep(envelope):
    name = os.path.join(mail, str(len(os.listdir(mail)) // 2))
    with open(name + ".to", "w", encoding="utf-8") as file:
        file.write("\n".join(envelope.rcpt_tos))
    with open(name + ".part", "wb") as file:
        file.write(envelope.content)
    os.rename(name + ".part", name)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if does("busy"):
            return "421 4.3.2 too busy"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if does("greylist", address):
            return "451 4.7.1 greylisted, try again later"
        if does("reject", address):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        recipient = envelope.rcpt_tos[0]
        if does("datafail", recipient):
            return "554 5.7.1 looks like spam"
        if does("drop", recipient):
            server.transport.abort()
            return "250 never heard"
        keep(envelope)
        if does("unheard", recipient):
            server.transport.abort()
        if does("stall", recipient):
            await asyncio.sleep(3600)
        return "250 2.0.0 queued"


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login.decode(), data.password.decode()) == ("carelog", args.password)
    return AuthResult(success=right and not does("noauth"), handled=False)


def connection():
    with open(os.path.join(args.folder, "connections"), "a", encoding="utf-8") as file:
        file.write("x\n")
    starttls = context if context and not args.implicit and not does("nostarttls") else None
    return SMTP(
        Handler(),
        hostname="mail.test",
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=authenticate if args.password else None,
        auth_required=bool(args.password),
        auth_require_tls=starttls is not None,
    )


async def main():
    implicit = context if args.implicit else None
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", args.port, ssl=implicit)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
