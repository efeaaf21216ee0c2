-- A store as schema version 1 wrote it, with its rows: by that version's own statements, which stay as they are.
PRAGMA application_id = 1735877681;
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 2);
CREATE TABLE object (
 kind TEXT NOT NULL,
 id TEXT NOT NULL,
 revision INTEGER NOT NULL,
 body TEXT NOT NULL,
 PRIMARY KEY (kind, id)) WITHOUT ROWID;
INSERT INTO meta VALUES ('uuid', '7c61945a-fb03-4d54-92b8-12e4d2a33682');
INSERT INTO object VALUES ('providerAddresses', '10.1.1.20', 1, '{"ProviderAddress":"10.1.1.20","PrefixLength":24,"Interface":"eth1","VlanID":0}');
INSERT INTO object VALUES ('ports', 'tap0', 2, '{"Interface":"tap0","MACAddress":"00155D011404","VirtualSubnetID":5001}');
PRAGMA user_version = 1;
