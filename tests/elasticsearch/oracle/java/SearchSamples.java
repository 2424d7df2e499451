import java.lang.reflect.Method;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetTime;
import java.time.Period;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.apache.lucene.search.Explanation;
import org.apache.lucene.search.SortField;
import org.apache.lucene.search.TotalHits;
import org.apache.lucene.util.BytesRef;
import org.elasticsearch.TransportVersion;
import org.elasticsearch.Version;
import org.elasticsearch.action.search.SearchRequest;
import org.elasticsearch.action.search.SearchResponse;
import org.elasticsearch.action.search.SearchType;
import org.elasticsearch.action.search.ShardSearchFailure;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.document.DocumentField;
import org.elasticsearch.common.geo.GeoPoint;
import org.elasticsearch.common.io.stream.BytesStreamOutput;
import org.elasticsearch.common.io.stream.Writeable;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.xcontent.ChunkedToXContent;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.index.IndexNotFoundException;
import org.elasticsearch.index.shard.ShardId;
import org.elasticsearch.search.DocValueFormat;
import org.elasticsearch.search.SearchHit;
import org.elasticsearch.search.SearchHits;
import org.elasticsearch.search.SearchShardTarget;
import org.elasticsearch.search.builder.SearchSourceBuilder;
import org.elasticsearch.search.fetch.subphase.highlight.HighlightField;
import org.elasticsearch.tasks.TaskId;
import org.elasticsearch.xcontent.Text;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentType;
import org.elasticsearch.xcontent.json.JsonXContent;

/**
 * Messages of a search made by Elasticsearch's own classes: one JSON object a line, with what it is, its bytes, and what
 * Elasticsearch says of it.
 */
public class SearchSamples {
    static {
        LogConfigurator.configureESLogging();
    }
    static final TransportVersion VERSION = TransportVersion.fromId(8841096);
    static final DocValueFormat RAW = DocValueFormat.RAW;

    public static void main(String[] args) throws Exception {
        for (Map.Entry<String, Object> sample : values().entrySet()) {
            print("value", sample.getKey(), out -> out.writeGenericValue(sample.getValue()), null);
        }
        for (Map.Entry<String, IndicesOptions> sample : options().entrySet()) {
            XContentBuilder body = JsonXContent.contentBuilder().startObject();
            sample.getValue().toXContent(body, ToXContent.EMPTY_PARAMS);
            print("options", sample.getKey(), sample.getValue()::writeIndicesOptions, body.endObject());
        }
        for (Map.Entry<String, SearchRequest> sample : requests().entrySet()) {
            print("request", sample.getKey(), sample.getValue(), null);
        }
        for (Map.Entry<String, SearchResponse> sample : responses().entrySet()) {
            XContentBuilder body = JsonXContent.contentBuilder();
            ChunkedToXContent.wrapAsToXContent(sample.getValue()).toXContent(body, ToXContent.EMPTY_PARAMS);
            print("response", sample.getKey(), sample.getValue(), body);
        }
    }

    static void print(String kind, String name, Writeable message, XContentBuilder body) throws Exception {
        BytesStreamOutput out = new BytesStreamOutput();
        out.setTransportVersion(VERSION);
        message.writeTo(out);
        XContentBuilder line = JsonXContent.contentBuilder().startObject().field("kind", kind).field("name", name);
        line.field("bytes", Base64.getEncoder().encodeToString(BytesReference.toBytes(out.bytes())));
        if (body != null) {
            line.rawField("rest", BytesReference.bytes(body).streamInput(), XContentType.JSON);
        }
        System.out.println(Strings.toString(line.endObject()));
    }

    static Map<String, Object> values() {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("null", null);
        all.put("string", "größe 😀");
        all.put("integer", -7);
        all.put("long", 7L);
        all.put("big long", Long.MIN_VALUE);
        all.put("float", 0.1f);
        all.put("double", 0.1);
        all.put("boolean", true);
        all.put("byte array", new byte[] { 1, 2 });
        all.put("list", Arrays.asList(1, null, "a", List.of()));
        all.put("array", new Object[] { 1, "a" });
        all.put("ordered map", new LinkedHashMap<>(Map.of("k", 1)));
        all.put("hash map", new HashMap<>(Map.of("k", Map.of())));
        all.put("byte", (byte) -3);
        all.put("date", new Date(1795507301415L));
        all.put("bytes reference", new BytesArray("ref"));
        all.put("text", new Text("text"));
        all.put("short", (short) -300);
        all.put("int array", new int[] { 1, -1 });
        all.put("long array", new long[] { 1, -1 });
        all.put("float array", new float[] { 0.5f });
        all.put("double array", new double[] { 0.1 });
        all.put("bytes ref", new BytesRef("ref"));
        all.put("geo point", new GeoPoint(1.5, -2.5));
        all.put("zoned date", ZonedDateTime.ofInstant(Instant.ofEpochSecond(1795507301, 5), ZoneId.of("Europe/Berlin")));
        all.put("ordered set", new LinkedHashSet<>(List.of("b", "a")));
        all.put("set", Set.of("a"));
        all.put("big integer", new BigInteger("-123456789012345678901234567890"));
        all.put("small big integer", BigInteger.ONE);
        all.put("offset time", OffsetTime.of(1, 2, 3, 4, ZoneOffset.ofHours(2)));
        all.put("duration", Duration.ofSeconds(3, 5));
        all.put("period", Period.of(1, 2, 3));
        return all;
    }

    static Map<String, IndicesOptions> options() {
        Map<String, IndicesOptions> all = new LinkedHashMap<>();
        all.put("search", SearchRequest.DEFAULT_INDICES_OPTIONS);
        all.put("strict expand open", IndicesOptions.strictExpandOpen());
        all.put("strict expand", IndicesOptions.strictExpand());
        all.put("strict expand hidden", IndicesOptions.strictExpandHidden());
        all.put("lenient expand open", IndicesOptions.lenientExpandOpen());
        all.put("lenient expand hidden", IndicesOptions.lenientExpandHidden());
        all.put("lenient expand", IndicesOptions.lenientExpand());
        all.put("no expansion", IndicesOptions.strictNoExpandForbidClosed());
        all.put("single", IndicesOptions.strictSingleIndexNoExpandForbidClosed());
        all.put("ignore aliases", IndicesOptions.fromOptions(true, false, true, true, true, false, true, true, false));
        all.put(
            "failures",
            IndicesOptions.builder()
                .gatekeeperOptions(IndicesOptions.GatekeeperOptions.builder().allowSelectors(false).includeFailureIndices(true))
                .build()
        );
        return all;
    }

    static Map<String, SearchRequest> requests() throws Exception {
        Map<String, SearchRequest> all = new LinkedHashMap<>();
        all.put("default", new SearchRequest());
        SearchRequest full = new SearchRequest(new String[] { "a", "b-*", "-b-1" }, new SearchSourceBuilder().size(3));
        full.searchType(SearchType.DFS_QUERY_THEN_FETCH).routing("r1", "r2").preference("_local").requestCache(true);
        full.allowPartialSearchResults(false).setBatchedReduceSize(17);
        full.setMaxConcurrentShardRequests(4);
        full.setPreFilterShardSize(9);
        full.setForceSyntheticSource(true);
        full.setWaitForCheckpoints(new TreeMap<>(Map.of("a", new long[] { 1, 2 }, "b", new long[] {})));
        full.setWaitForCheckpointsTimeout(TimeValue.timeValueMillis(1500));
        full.indicesOptions(IndicesOptions.lenientExpandHidden());
        full.scroll(TimeValue.timeValueMinutes(2));
        all.put("full", full);
        SearchRequest shard = new SearchRequest(Version.fromString("8.19.0"));
        shard.setParentTask(new TaskId("node", 42));
        all.put("minimal version", shard);
        Method sub = Arrays.stream(SearchRequest.class.getDeclaredMethods()).filter(m -> m.getName().equals("subSearchRequest")).findFirst().get();
        sub.setAccessible(true);
        String[] indices = { "logs-*" };
        all.put("remote", (SearchRequest) sub.invoke(null, new TaskId("n", 7), new SearchRequest(), indices, "rem", 1795507301415L, false));
        return all;
    }

    static SearchShardTarget target(String node, String alias) {
        return new SearchShardTarget(node, new ShardId("logs-1", "uuid-1", 2), alias);
    }

    static Map<String, SearchResponse> responses() {
        Map<String, SearchResponse> all = new LinkedHashMap<>();
        all.put("empty", SearchResponse.empty(() -> 3L, SearchResponse.Clusters.EMPTY));
        SearchHit plain = SearchHit.unpooled(0, "1");
        plain.score(1.5f);
        plain.shard(target("node-1", "rem"));
        plain.sourceRef(new BytesArray("{\"a\":1}"));
        SearchHit bare = SearchHit.unpooled(1, null);
        all.put("two hits", response(SearchHits.unpooled(new SearchHit[] { plain, bare }, new TotalHits(10000, TotalHits.Relation.GREATER_THAN_OR_EQUAL_TO), 1.5f)));
        all.put("total not counted", response(SearchHits.unpooled(new SearchHit[] { plain }, null, Float.NaN)));
        all.put("rich hit", response(SearchHits.unpooled(new SearchHit[] { rich() }, new TotalHits(1, TotalHits.Relation.EQUAL_TO), 2.25f)));
        all.put("sorted", sorted());
        all.put("failures and clusters", failed());
        return all;
    }

    static SearchHit rich() {
        SearchHit hit = SearchHit.unpooled(3, "größe");
        hit.score(2.25f);
        hit.setRank(4);
        hit.version(5);
        hit.setSeqNo(6);
        hit.setPrimaryTerm(7);
        hit.shard(target(null, null));
        hit.sourceRef(new BytesArray("{\"c\":[{\"n\":1}]}"));
        hit.setDocumentField("n", new DocumentField("n", List.of(1L, 2L), List.of("bad")));
        hit.setDocumentField("o", new DocumentField("o", List.of(Map.of("x", List.of("y")))));
        hit.addDocumentFields(Map.of(), Map.of("_routing", new DocumentField("_routing", List.of("r"))));
        Map<String, HighlightField> highlights = new LinkedHashMap<>();
        highlights.put("msg", new HighlightField("msg", new Text[] { new Text("<em>größe</em>"), new Text("b") }));
        hit.highlightFields(highlights);
        Map<String, Float> matched = new LinkedHashMap<>();
        matched.put("q1", 1.25f);
        matched.put("q2", 0.5f);
        hit.matchedQueries(matched);
        hit.explanation(
            Explanation.match(
                2.25f,
                "sum of:",
                Explanation.match(1.25, "double", List.of()),
                Explanation.match(3L, "long"),
                Explanation.noMatch("no", Explanation.match(0f, "zero"))
            )
        );
        SearchHit.NestedIdentity child = new SearchHit.NestedIdentity("d", 2, null);
        SearchHit inner = SearchHit.unpooled(0, "größe", new SearchHit.NestedIdentity("c", 0, child));
        inner.score(1f);
        inner.sourceRef(new BytesArray("{\"n\":1}"));
        hit.setInnerHits(Map.of("c", SearchHits.unpooled(new SearchHit[] { inner }, new TotalHits(1, TotalHits.Relation.EQUAL_TO), 1f)));
        return hit;
    }

    static SearchResponse sorted() {
        Object[] raw = { 5L, 7, 1.5f, 2.5, "s", new BytesRef("b"), true, null, BigInteger.TEN.pow(20), (byte) 1, (short) 2 };
        DocValueFormat[] formats = new DocValueFormat[raw.length];
        Arrays.fill(formats, RAW);
        SearchHit hit = SearchHit.unpooled(0, "1");
        hit.shard(target("node-1", "rem"));
        hit.sortValues(raw, formats);
        List<SortField> fields = new ArrayList<>();
        fields.add(SortField.FIELD_SCORE);
        fields.add(SortField.FIELD_DOC);
        for (SortField.Type type : List.of(SortField.Type.INT, SortField.Type.LONG, SortField.Type.FLOAT, SortField.Type.DOUBLE)) {
            SortField field = new SortField("n", type, true);
            field.setMissingValue(type == SortField.Type.INT ? 1 : type == SortField.Type.LONG ? (Object) 2L : type == SortField.Type.FLOAT ? (Object) 3f : (Object) 4d);
            fields.add(field);
        }
        SortField first = new SortField("k", SortField.Type.STRING);
        first.setMissingValue(SortField.STRING_FIRST);
        fields.add(first);
        SortField last = new SortField("k", SortField.Type.STRING_VAL);
        last.setMissingValue(SortField.STRING_LAST);
        fields.add(last);
        TotalHits total = new TotalHits(1, TotalHits.Relation.EQUAL_TO);
        Object[] groups = { new BytesRef("group") };
        return response(SearchHits.unpooled(new SearchHit[] { hit }, total, Float.NaN, fields.toArray(new SortField[0]), "k", groups));
    }

    static SearchResponse failed() {
        ShardSearchFailure[] failures = {
            new ShardSearchFailure(new IllegalArgumentException("bad", new IndexNotFoundException("gone")), target("node-1", "rem")),
            new ShardSearchFailure(new IllegalStateException("worse")) };
        SearchHits hits = SearchHits.unpooled(new SearchHit[0], new TotalHits(0, TotalHits.Relation.EQUAL_TO), Float.NaN);
        SearchResponse.Clusters clusters = new SearchResponse.Clusters(2, 1, 1);
        return new SearchResponse(hits, null, null, true, true, null, 3, "scroll", 5, 3, 1, 99, failures, clusters);
    }

    static SearchResponse response(SearchHits hits) {
        ShardSearchFailure[] none = ShardSearchFailure.EMPTY_ARRAY;
        return new SearchResponse(hits, null, null, false, null, null, 1, null, 2, 2, 1, 12, none, SearchResponse.Clusters.EMPTY, new BytesArray("pit"));
    }
}
