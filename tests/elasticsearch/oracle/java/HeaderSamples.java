import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.elasticsearch.TransportVersion;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.xpack.core.security.authc.Authentication;
import org.elasticsearch.xpack.core.security.authc.Authentication.RealmRef;
import org.elasticsearch.xpack.core.security.authc.AuthenticationField;
import org.elasticsearch.xpack.core.security.authc.AuthenticationResult;
import org.elasticsearch.xpack.core.security.authc.CrossClusterAccessSubjectInfo;
import org.elasticsearch.xpack.core.security.authc.RealmConfig.RealmIdentifier;
import org.elasticsearch.xpack.core.security.authc.RealmDomain;
import org.elasticsearch.xpack.core.security.authz.RoleDescriptor;
import org.elasticsearch.xpack.core.security.authz.RoleDescriptorsIntersection;
import org.elasticsearch.xpack.core.security.user.AnonymousUser;
import org.elasticsearch.xpack.core.security.user.InternalUser;
import org.elasticsearch.xpack.core.security.user.InternalUsers;
import org.elasticsearch.xpack.core.security.user.User;

/** Authentications and subject infos of every kind, as header texts. */
class HeaderSamples {
    static Map<String, Object> all() throws Exception {
        Map<String, Authentication> authentications = new LinkedHashMap<>();
        RealmDomain domain = new RealmDomain("people", new LinkedHashSet<>(List.of(new RealmIdentifier("native", "n1"), new RealmIdentifier("ldap", "l1"))));
        RealmRef realm = new RealmRef("n1", "native", "node-1", domain);
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("groups", List.of("a", "b"));
        metadata.put("age", 41);
        metadata.put("since", 1234567890123L);
        metadata.put("nested", Map.of("x", true));
        metadata.put("none", null);
        User alice = new User("alice", new String[] { "r1", "r2" }, "Alice \u00c4", "a@example.com", metadata, true);
        authentications.put("realm", Authentication.newRealmAuthentication(alice, realm));
        authentications.put("run as", Authentication.newRealmAuthentication(alice, realm).runAs(new User("bob", "r3"), new RealmRef("f1", "file", "node-1")));
        authentications.put("failed run as", Authentication.newRealmAuthentication(alice, realm).runAs(new User("nobody"), null));
        Authentication key = Authentication.newApiKeyAuthentication(AuthenticationResult.success(new User("alice"), apiKey()), "node-1");
        authentications.put("api key", key);
        authentications.put("service account", Authentication.newServiceAccountAuthentication(
            new User("elastic/fleet-server"), "node-1", Map.of("_token_name", "t1", "_token_source", "index")));
        authentications.put("anonymous", Authentication.newAnonymousAuthentication(
            new AnonymousUser(Settings.builder().putList("xpack.security.authc.anonymous.roles", "guest").build()), "node-1"));
        for (InternalUser user : InternalUsers.get()) {
            authentications.put("internal " + user.principal(), Authentication.newInternalAuthentication(user, TransportVersion.current(), "node-1"));
        }
        Map<String, Object> samples = new LinkedHashMap<>();
        for (Map.Entry<String, Authentication> entry : authentications.entrySet()) {
            samples.put(entry.getKey(), Map.of("kind", "authentication", "header", entry.getValue().encode()));
        }
        CrossClusterAccessSubjectInfo info = new CrossClusterAccessSubjectInfo(authentications.get("realm"), descriptors());
        samples.put("cross cluster access", Map.of("kind", "authentication", "header", key.toCrossClusterAccess(info).encode()));
        samples.put("subject info", Map.of("kind", "subject_info", "header", info.encode()));
        samples.put("subject info of api key", Map.of("kind", "subject_info", "header", new CrossClusterAccessSubjectInfo(key, descriptors()).encode()));
        Authentication older = authentications.get("run as").maybeRewriteForOlderVersion(TransportVersion.fromId(8800000));
        samples.put("older", Map.of("kind", "authentication", "header", older.encode()));
        return samples;
    }

    private static Map<String, Object> apiKey() {
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put(AuthenticationField.API_KEY_ID_KEY, "id-1");
        metadata.put(AuthenticationField.API_KEY_NAME_KEY, "name");
        metadata.put(AuthenticationField.API_KEY_TYPE_KEY, "rest");
        metadata.put(AuthenticationField.API_KEY_CREATOR_REALM_NAME, "n1");
        metadata.put(AuthenticationField.API_KEY_CREATOR_REALM_TYPE, "native");
        metadata.put(AuthenticationField.API_KEY_ROLE_DESCRIPTORS_KEY, new BytesArray("{\"a\":{\"cluster\":[\"all\"]}}"));
        metadata.put(AuthenticationField.API_KEY_LIMITED_ROLE_DESCRIPTORS_KEY, new BytesArray("{\"b\":{\"cluster\":[\"monitor\"]}}"));
        return metadata;
    }

    private static RoleDescriptorsIntersection descriptors() {
        RoleDescriptor.IndicesPrivileges logs = RoleDescriptor.IndicesPrivileges.builder().indices("logs*").privileges("read").query("{\"match_all\":{}}").build();
        RoleDescriptor first = new RoleDescriptor("one", null, new RoleDescriptor.IndicesPrivileges[] { logs }, null);
        RoleDescriptor second = new RoleDescriptor("two", new String[] { "monitor" }, null, null);
        return new RoleDescriptorsIntersection(List.of(Set.of(first), Set.of(second)));
    }
}
