import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

import org.apache.logging.log4j.LogManager;
import org.apache.lucene.util.automaton.Automaton;
import org.elasticsearch.action.IndicesRequest;
import org.elasticsearch.action.bulk.BulkRequest;
import org.elasticsearch.action.support.IndexComponentSelector;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.indices.SystemIndexDescriptor;
import org.elasticsearch.indices.SystemIndices;
import org.elasticsearch.license.XPackLicenseState;
import org.elasticsearch.search.SearchModule;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.json.JsonXContent;
import org.elasticsearch.xpack.core.async.AsyncTaskIndexService;
import org.elasticsearch.xpack.core.security.authz.RestrictedIndices;
import org.elasticsearch.xpack.core.security.authz.RoleDescriptor;
import org.elasticsearch.xpack.core.security.authz.privilege.ClusterPrivilegeResolver;
import org.elasticsearch.xpack.core.security.authz.privilege.IndexPrivilege;
import org.elasticsearch.xpack.core.security.authz.privilege.NamedClusterPrivilege;
import org.elasticsearch.xpack.core.security.authz.privilege.SystemPrivilege;
import org.elasticsearch.xpack.core.security.authz.store.ReservedRolesStore;
import org.elasticsearch.xpack.core.security.support.Automatons;
import org.elasticsearch.xpack.core.security.user.InternalUser;
import org.elasticsearch.xpack.core.security.user.InternalUsers;
import org.elasticsearch.xpack.security.authc.service.ServiceAccountService;
import org.elasticsearch.xpack.security.authz.FileRoleValidator;
import org.elasticsearch.xpack.security.authz.RBACEngine;
import org.elasticsearch.xpack.security.authz.store.FileRolesStore;
import org.elasticsearch.xpack.security.support.SecuritySystemIndices;

/**
 * What Elasticsearch's security knows by name: a JSON object a line in, a JSON object a line out.
 *   {"op":"names"}                                                -> {"index": names in order, "cluster": names in order}
 *   {"op":"allowed","kind":"index"|"cluster","name":…,"actions":[…]} -> {"allowed": those that it allows, "selectors": […]}, or {"refused": text}
 *   {"op":"granting","kind":…,"action":…,"failures":bool}         -> {"names": privileges that grant the action}
 *   {"op":"system","actions":[…]}                                 -> {"allowed": what the system user may do}
 *   {"op":"restricted","names":[…],"patterns":[…]}                -> {"restricted": those that are restricted in a node of core, security, and
 *                                                                    modules whose system indices have these patterns and aliases}
 *   {"op":"descriptors"}                                          -> {"reserved", "internal", "remote", "service_accounts": name to descriptor}
 *   {"op":"role_file","text":…}                                   -> {"roles": name to descriptor}, or {"refused": text}
 *   {"op":"request","class":…}                                    -> {"replaceable", "remote", "data_streams": what kind of request it is}
 *   {"op":"action_sets","actions":[…]}                            -> {"scroll": …, "name_only": those of which only the name is checked}
 */
public class PrivilegeOracle {
    static {
        LogConfigurator.configureESLogging();
        new ReservedRolesStore(); // which lets its names be asked
    }
    static final NamedXContentRegistry QUERIES = new NamedXContentRegistry(
        new SearchModule(Settings.EMPTY, List.of()).getNamedXContents()
    );

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            Map<String, Object> answer;
            try {
                answer = answer(XContentHelper.convertToMap(JsonXContent.jsonXContent, line, false));
            } catch (Throwable e) {
                answer = Map.of("error", String.valueOf(e));
            }
            System.out.println(Strings.toString(JsonXContent.contentBuilder().map(answer)));
        }
    }

    static Map<String, Object> answer(Map<String, Object> call) throws Exception {
        boolean index = "index".equals(call.get("kind"));
        return switch ((String) call.get("op")) {
            case "names" -> Map.of(
                "index", List.copyOf(IndexPrivilege.names()), "cluster", List.copyOf(ClusterPrivilegeResolver.names())
            );
            case "allowed" -> allowed(index, (String) call.get("name"), strings(call, "actions"));
            case "granting" -> Map.of("names", granting(index, (String) call.get("action"), Boolean.TRUE.equals(call.get("failures"))));
            case "system" -> Map.of("allowed", strings(call, "actions").stream().filter(SystemPrivilege.INSTANCE.predicate()).toList());
            case "restricted" -> Map.of(
                "restricted", strings(call, "names").stream().filter(restricted(strings(call, "patterns"))::isRestricted).toList()
            );
            case "descriptors" -> descriptors();
            case "request" -> request((String) call.get("class"));
            case "action_sets" -> actionSets(strings(call, "actions"));
            case "role_file" -> roleFile((String) call.get("text"));
            default -> throw new IllegalArgumentException("op");
        };
    }

    @SuppressWarnings("unchecked")
    static List<String> strings(Map<String, Object> call, String field) {
        return (List<String>) (List<?>) call.get(field);
    }

    static Map<String, Object> allowed(boolean index, String name, List<String> actions) {
        try {
            if (index) {
                IndexPrivilege privilege = IndexPrivilege.get(name);
                List<String> selectors = new ArrayList<>();
                for (IndexComponentSelector selector : List.of(IndexComponentSelector.DATA, IndexComponentSelector.FAILURES)) {
                    if (privilege.getSelectorPredicate().test(selector)) {
                        selectors.add(selector.getKey());
                    }
                }
                return Map.of("allowed", actions.stream().filter(privilege.predicate()).toList(), "selectors", selectors);
            }
            NamedClusterPrivilege privilege = ClusterPrivilegeResolver.resolve(name);
            return Map.of("allowed", actions.stream().filter(action -> checks(privilege, action)).toList());
        } catch (IllegalArgumentException e) {
            return Map.of("refused", e.getMessage());
        }
    }

    /** A privilege that must see the request to answer does not allow one that it does not know. */
    static boolean checks(NamedClusterPrivilege privilege, String action) {
        try {
            return privilege.permission().check(action, null, null);
        } catch (NullPointerException | AssertionError e) {
            return false;
        }
    }

    static Collection<String> granting(boolean index, String action, boolean failures) {
        if (index) {
            IndexComponentSelector selector = failures ? IndexComponentSelector.FAILURES : IndexComponentSelector.DATA;
            return IndexPrivilege.findPrivilegesThatGrant(action, privilege -> privilege.getSelectorPredicate().test(selector));
        }
        return ClusterPrivilegeResolver.names()
            .stream()
            .filter(name -> checks(ClusterPrivilegeResolver.resolve(name), action))
            .toList();
    }

    /** As a node makes it that has the server, x-pack core and security. */
    static RestrictedIndices restricted(List<String> patterns) throws Exception {
        List<SystemIndexDescriptor> descriptors = new ArrayList<>(securityDescriptors());
        descriptors.add(AsyncTaskIndexService.getSystemIndexDescriptor());
        SystemIndices system = new SystemIndices(List.of(new SystemIndices.Feature("security", "security", descriptors)));
        List<Automaton> automata = new ArrayList<>(List.of(system.getSystemNameAutomaton()));
        Method build = SystemIndexDescriptor.class.getDeclaredMethod("buildAutomaton", String.class, String.class);
        build.setAccessible(true);
        for (String pattern : patterns) {
            automata.add((Automaton) build.invoke(null, pattern, null));
        }
        return new RestrictedIndices(Automatons.unionAndMinimize(automata));
    }

    static Collection<SystemIndexDescriptor> securityDescriptors() throws Exception {
        for (var constructor : SecuritySystemIndices.class.getDeclaredConstructors()) {
            constructor.setAccessible(true);
            Object made = constructor.getParameterCount() == 0 ? constructor.newInstance() : constructor.newInstance(Settings.EMPTY);
            return ((SecuritySystemIndices) made).getSystemIndexDescriptors();
        }
        throw new IllegalStateException();
    }

    /** Of a request that nobody filled in: the answers depend on its class alone. */
    static Map<String, Object> request(String name) throws Exception {
        Field unsafe = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        unsafe.setAccessible(true);
        Object made = ((sun.misc.Unsafe) unsafe.get(null)).allocateInstance(Class.forName("org.elasticsearch." + name));
        boolean replaceable = made instanceof IndicesRequest.Replaceable;
        return Map.of(
            "replaceable", replaceable,
            "remote", replaceable && ((IndicesRequest.Replaceable) made).allowsRemoteIndices(),
            "data_streams", made instanceof IndicesRequest request && request.includeDataStreams()
        );
    }

    static Map<String, Object> actionSets(List<String> actions) throws Exception {
        Field scroll = RBACEngine.class.getDeclaredField("SCROLL_RELATED_ACTIONS");
        Method nameOnly = Arrays.stream(RBACEngine.class.getDeclaredMethods())
            .filter(method -> method.getName().equals("shouldAuthorizeIndexActionNameOnly"))
            .findFirst()
            .orElseThrow();
        scroll.setAccessible(true);
        nameOnly.setAccessible(true);
        List<String> found = new ArrayList<>();
        for (String action : actions) {
            if ((boolean) nameOnly.invoke(null, action, new BulkRequest())) {
                found.add(action);
            }
        }
        return Map.of("scroll", scroll.get(null), "name_only", found);
    }

    static Map<String, Object> descriptors() throws Exception {
        Map<String, Object> reserved = new TreeMap<>(), internal = new TreeMap<>(), remote = new TreeMap<>(), accounts = new TreeMap<>();
        for (RoleDescriptor descriptor : ReservedRolesStore.roleDescriptors()) {
            reserved.put(descriptor.getName(), json(descriptor));
        }
        for (InternalUser user : InternalUsers.get()) {
            put(internal, user.principal(), user.getLocalClusterRoleDescriptor());
            put(remote, user.principal(), user.getRemoteAccessRoleDescriptor());
        }
        for (var account : ServiceAccountService.getServiceAccounts().entrySet()) {
            Method descriptor = account.getValue().getClass().getDeclaredMethod("roleDescriptor");
            descriptor.setAccessible(true);
            accounts.put(account.getKey(), json((RoleDescriptor) descriptor.invoke(account.getValue())));
        }
        return Map.of("reserved", reserved, "internal", internal, "remote", remote, "service_accounts", accounts);
    }

    static void put(Map<String, Object> target, String name, Optional<RoleDescriptor> descriptor) throws Exception {
        if (descriptor.isPresent()) {
            target.put(name, Map.of("role", descriptor.get().getName(), "descriptor", json(descriptor.get())));
        }
    }

    static Map<String, Object> json(RoleDescriptor descriptor) {
        return XContentHelper.convertToMap(JsonXContent.jsonXContent, Strings.toString(descriptor), true);
    }

    static Map<String, Object> roleFile(String text) throws Exception {
        Path file = Files.createTempFile("roles", ".yml");
        try {
            Files.write(file, text.getBytes(StandardCharsets.ISO_8859_1));
            Map<String, RoleDescriptor> roles = FileRolesStore.parseFile(
                file, LogManager.getLogger("roles"), Settings.EMPTY, new XPackLicenseState(() -> 0), QUERIES, new FileRoleValidator.Default()
            );
            Map<String, Object> shown = new TreeMap<>();
            for (Map.Entry<String, RoleDescriptor> role : roles.entrySet()) {
                shown.put(role.getKey(), json(role.getValue()));
            }
            return Map.of("roles", shown);
        } catch (RuntimeException e) {
            return Map.of("refused", e.getClass().getSimpleName() + ": " + e.getMessage());
        } finally {
            Files.delete(file);
        }
    }
}
