import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.elasticsearch.action.get.GetRequest;
import org.elasticsearch.action.get.GetResponse;
import org.elasticsearch.action.support.DefaultShardOperationFailedException;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.action.support.broadcast.BroadcastShardOperationFailedException;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.document.DocumentField;
import org.elasticsearch.common.io.stream.Writeable;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.index.VersionType;
import org.elasticsearch.index.get.GetResult;
import org.elasticsearch.index.query.QueryBuilders;
import org.elasticsearch.index.shard.ShardId;
import org.elasticsearch.search.fetch.subphase.FetchSourceContext;
import org.elasticsearch.tasks.TaskId;
import org.elasticsearch.xpack.core.termsenum.action.TermsEnumRequest;
import org.elasticsearch.xpack.core.termsenum.action.TermsEnumResponse;

/** Messages of terms enumerations and gets, for MessageSamples. */
class TermsSamples {
    static Map<String, String> all() throws Exception {
        Map<String, String> samples = new LinkedHashMap<>();
        put(samples, "terms_enum_request:plain", new TermsEnumRequest("logs-*").field("user"));
        TermsEnumRequest whole = new TermsEnumRequest("a", "-b").field("user").string("ki").searchAfter("kil").caseInsensitive(true).size(3);
        whole.indexFilter(QueryBuilders.rangeQuery("ts").gte("now-1d")).indicesOptions(IndicesOptions.lenientExpandOpen());
        whole.timeout(TimeValue.timeValueSeconds(5));
        whole.setParentTask(new TaskId("node", 7));
        put(samples, "terms_enum_request:whole", whole);
        put(samples, "terms_enum_response:complete", new TermsEnumResponse(List.of("a", "größe"), 2, 2, 0, List.of(), true));
        BroadcastShardOperationFailedException failure = MessageSamples.stackless(
            new BroadcastShardOperationFailedException(new ShardId("i", "uuid", 0), "", new IllegalArgumentException("why"))
        );
        List<DefaultShardOperationFailedException> failures = List.of(new DefaultShardOperationFailedException(failure));
        put(samples, "terms_enum_response:failed", new TermsEnumResponse(List.of(), 1, 0, 1, failures, false));
        put(samples, "get_request:plain", new GetRequest("index", "id"));
        GetRequest get = new GetRequest("index", "id").routing("r").preference("_local").refresh(true).realtime(false);
        get.storedFields("a", "_source").versionType(VersionType.EXTERNAL_GTE).version(5);
        get.fetchSourceContext(FetchSourceContext.of(true, null, new String[] { "a.*" }, new String[] { "b" }));
        get.setParentTask(new TaskId("node", 8));
        put(samples, "get_request:whole", get);
        put(samples, "get_request:no source", new GetRequest("index", "id").fetchSourceContext(FetchSourceContext.DO_NOT_FETCH_SOURCE));
        Map<String, DocumentField> fields = Map.of("a", new DocumentField("a", List.of("x", 1L)));
        Map<String, DocumentField> meta = Map.of("_routing", new DocumentField("_routing", List.of("r")));
        GetResult found = new GetResult("index", "id", 3, 1, 2, true, new BytesArray("{\"a\":1}"), fields, meta);
        put(samples, "get_response:found", new GetResponse(found));
        put(samples, "get_response:no source", new GetResponse(new GetResult("index", "id", 3, 1, 2, true, null, null, null)));
        put(samples, "get_response:not found", new GetResponse(new GetResult("index", "id", -2, 0, -1, false, null, null, null)));
        return samples;
    }

    static void put(Map<String, String> samples, String name, Writeable message) throws Exception {
        samples.put(name, MessageOracle.base64(MessageOracle.bytes(message::writeTo)));
    }
}
