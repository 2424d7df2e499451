import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import java.util.Set;

import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.KeyStoreWrapper;
import org.elasticsearch.common.settings.SecureSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** Runs a node in this process: the only argument is its home, with config/ and modules/ in it. */
public class StartNode {
    public static void main(String[] arguments) throws Exception {
        LogConfigurator.configureESLogging();
        Path home = Path.of(arguments[0]);
        Path config = home.resolve("config");
        Settings settings = Settings.builder()
            .loadFromPath(config.resolve("elasticsearch.yml"))
            .put("path.home", home.toString())
            .setSecureSettings(keystore(config))
            .build();
        Node node = new Node(new Environment(settings, config), plugins(home.resolve("modules")));
        node.start();
        Thread.currentThread().join();
    }

    /** A keystore with what config/secure.properties says; setString is not public. */
    private static SecureSettings keystore(Path config) throws Exception {
        Properties secrets = new Properties();
        try (var reader = Files.newBufferedReader(config.resolve("secure.properties"))) {
            secrets.load(reader);
        }
        Method setString = KeyStoreWrapper.class.getDeclaredMethod("setString", String.class, char[].class);
        setString.setAccessible(true);
        KeyStoreWrapper made = KeyStoreWrapper.create();
        for (var secret : secrets.entrySet()) {
            setString.invoke(made, secret.getKey(), secret.getValue().toString().toCharArray());
        }
        made.save(config, new char[0]);
        KeyStoreWrapper opened = KeyStoreWrapper.load(config);
        opened.decrypt(new char[0]);
        return opened;
    }

    /** The method has one parameter in 8.19 and a second, a boolean, in 9.5. */
    @SuppressWarnings({ "unchecked", "rawtypes" })
    private static PluginsLoader plugins(Path modules) throws Exception {
        Method load = Arrays.stream(PluginsLoader.class.getMethods())
            .filter(method -> method.getName().equals("loadModulesBundles"))
            .findFirst()
            .orElseThrow();
        Object bundles = load.getParameterCount() == 1 ? load.invoke(null, modules) : load.invoke(null, modules, false);
        return PluginsLoader.createPluginsLoader((Set) bundles, Set.of(), Map.of());
    }
}
