-- A store as schema version 6 wrote it, with its rows: by that version's own statements, which stay as they are.
PRAGMA application_id = 1735877681;
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('revision', 8);
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
CREATE TABLE resource (
 tenant TEXT NOT NULL,
 path TEXT NOT NULL COLLATE NOCASE,
 instance TEXT NOT NULL,
 revision INTEGER NOT NULL,
 serial INTEGER NOT NULL,
 updated INTEGER NOT NULL,
 body TEXT NOT NULL,
 UNIQUE (tenant, path));
CREATE TABLE change (
 number INTEGER PRIMARY KEY,
 revision INTEGER NOT NULL,
 tenant TEXT NOT NULL,
 path TEXT NOT NULL,
 gone INTEGER NOT NULL);
CREATE INDEX change_revision ON change (revision);
CREATE TABLE audit (
 number INTEGER PRIMARY KEY,
 revision INTEGER NOT NULL,
 time INTEGER NOT NULL,
 who TEXT NOT NULL,
 method TEXT NOT NULL,
 tenant TEXT NOT NULL,
 path TEXT NOT NULL);
INSERT INTO resource VALUES ('', '/routeTables/plain', '8cf5089b-fe56-40b3-a0cf-8c445b584bfb', 7, 2, 1795277554,
 '{"tags":{"n":2},"properties":{}}');
INSERT INTO resource VALUES ('', '/routeTables/plain/routes/away', '5a24d15e-3fed-422c-a49f-ac1c0e13782e', 4, 1, 1795277553,
 '{"properties":{"addressPrefix":"172.16.0.0/12","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.0.0.9"}}');
INSERT INTO resource VALUES ('a', '/virtualNetworks/Blue', 'ae1fecfe-ff81-4c2b-a8f4-07eac7e3ab4f', 5, 1, 1795277553,
 '{"resourceMetadata":{"tenantId":"a","tenantName":"A"},"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"encapsulationMethod":"NVGRE","routingDomainId":"11111111-2222-3333-4444-555555555555"}}');
INSERT INTO resource VALUES ('a', '/virtualNetworks/Blue/subnets/web', '88042498-8acd-4046-8616-f3b8e4f76250', 5, 1, 1795277553,
 '{"properties":{"addressPrefix":"10.0.0.0/24","isolationId":5001,"routeTable":{"resourceRef":"/routeTables/plain"},"broadcastMode":"Unicast"}}');
INSERT INTO audit VALUES (1, 3, 1795277552, 'root', 'PUT', '', '/access/tokens/robot');
INSERT INTO audit VALUES (2, 4, 1795277553, 'root', 'PUT', '', '/routeTables/plain');
INSERT INTO audit VALUES (3, 5, 1795277553, 'root', 'PUT', '', '/virtualNetworks/Blue');
INSERT INTO audit VALUES (4, 6, 1795277553, 'root', 'PUT', '', '/servers/gone');
INSERT INTO audit VALUES (5, 7, 1795277554, 'root', 'PUT', '', '/routeTables/plain');
INSERT INTO audit VALUES (6, 8, 1795277554, 'root', 'DELETE', '', '/servers/gone');
ALTER TABLE change ADD COLUMN time INTEGER NOT NULL DEFAULT 0;
INSERT INTO meta VALUES ('feed_start', 0);
INSERT INTO meta VALUES ('restores', 0);
INSERT INTO change VALUES (1, 4, '', '/routeTables/plain', 0, 1795277553);
INSERT INTO change VALUES (2, 4, '', '/routeTables/plain/routes/away', 0, 1795277553);
INSERT INTO change VALUES (3, 5, 'a', '/virtualNetworks/Blue', 0, 1795277553);
INSERT INTO change VALUES (4, 5, 'a', '/virtualNetworks/Blue/subnets/web', 0, 1795277553);
INSERT INTO change VALUES (5, 6, '', '/servers/gone', 0, 1795277553);
INSERT INTO change VALUES (6, 7, '', '/routeTables/plain', 0, 1795277553);
INSERT INTO change VALUES (7, 8, '', '/servers/gone', 1, 1795277553);
ALTER TABLE audit ADD COLUMN doer TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN nth INTEGER NOT NULL DEFAULT 0;
UPDATE audit SET nth = number;
CREATE UNIQUE INDEX audit_doer ON audit (doer, nth);
CREATE TABLE gone_server (id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE) WITHOUT ROWID;
INSERT INTO gone_server VALUES ('gone');
PRAGMA user_version = 6;
