import java.util.Collection;
import java.util.List;

import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.indices.SystemIndexDescriptor;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.SystemIndexPlugin;

/** A system index whose module, absent from Maven Central, every distribution has: with it the name is restricted. */
public class SystemIndices extends Plugin implements SystemIndexPlugin {
    @Override
    public Collection<SystemIndexDescriptor> getSystemIndexDescriptors(Settings settings) {
        return List.of(
            SystemIndexDescriptor.builder()
                .setIndexPattern(".async-search*")
                .setDescription("results of async searches")
                .setType(SystemIndexDescriptor.Type.INTERNAL_UNMANAGED)
                .build()
        );
    }

    @Override
    public String getFeatureName() {
        return "async_search_of_tests";
    }

    @Override
    public String getFeatureDescription() {
        return "Results of async searches";
    }
}
