-- A store as schema version 2 wrote it, with its rows: by that version's own statements, which stay as they are.
PRAGMA application_id = 1735877681;
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 3);
CREATE TABLE object (
 kind TEXT NOT NULL,
 id TEXT NOT NULL,
 revision INTEGER NOT NULL,
 body TEXT NOT NULL,
 PRIMARY KEY (kind, id)) WITHOUT ROWID;
INSERT INTO meta VALUES ('uuid', '7c61945a-fb03-4d54-92b8-12e4d2a33682');
INSERT INTO object VALUES ('providerAddresses', '10.1.1.20', 1, '{"ProviderAddress":"10.1.1.20","PrefixLength":24,"Interface":"eth1","VlanID":0}');
INSERT INTO object VALUES ('ports', 'tap0', 2, '{"Interface":"tap0","MACAddress":"00155D011404","VirtualSubnetID":5001}');
CREATE TABLE access (
 kind TEXT NOT NULL,
 name TEXT NOT NULL COLLATE NOCASE,
 revision INTEGER NOT NULL,
 body TEXT NOT NULL,
 PRIMARY KEY (kind, name)) WITHOUT ROWID;
INSERT INTO access VALUES ('tokens', 'robot', 3, '{"role":"operator","sha256":"ff33368718ca42d2bf6564a0571a6b1052b1ae0b0ffb3a1c3c11e38ff6e4c09a"}');
PRAGMA user_version = 2;
