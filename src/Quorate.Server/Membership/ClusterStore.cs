using System.Globalization;
using System.Text;
using System.Text.Json;
using Quorate.Mvcc.Backing;
using Quorate.Protocol;
using Quorate.Raft;
using Quorate.Storage.Schema;

namespace Quorate.Server.Membership;

/// <summary>
/// The replicated membership: members, removed ids, the cluster's version and a downgrade in progress, kept in the database's buckets
/// (spec 05 §5). The applying thread changes it; anybody may look at <see cref="View"/>.
/// </summary>
public sealed class ClusterStore
{
    private readonly int _maxLearners;
    private Backend? _backend;
    private ClusterView _stored;
    private ClusterView _view;
    private IReadOnlyList<ClusterMember>? _assumed;
    private ulong _ownId;

    /// <param name="backend">Null while a joining member knows the cluster by hearsay only: nothing is stored then.</param>
    public ClusterStore(ulong clusterId, Backend? backend, int maxLearners)
    {
        _maxLearners = maxLearners;
        _backend = backend;
        _view = _stored = new ClusterView(clusterId, new Dictionary<ulong, ClusterMember>(), new HashSet<ulong>(), null, null);
        if (backend is not null)
        {
            Load();
        }
    }

    public ClusterView View => Volatile.Read(ref _view);

    /// <summary>Called on the applying thread after each change, with the view before.</summary>
    public event Action<ClusterView, ClusterView>? Changed;

    /// <summary>
    /// Takes members as told by others, in memory only, for a member that joins: they are shown until the log, or a snapshot, says that this
    /// member is one; what is applied is judged by the log alone.
    /// </summary>
    public void Assume(IReadOnlyList<ClusterMember> members, ulong ownId)
    {
        _assumed = members;
        _ownId = ownId;
        Set(_stored);
    }

    /// <summary>Takes the membership of an older directory's snapshot, where the database has none (spec 05 §7).</summary>
    public void Adopt(V2Membership membership)
    {
        foreach (ClusterMember member in membership.Members)
        {
            Store(member);
        }

        foreach (ulong id in membership.Removed)
        {
            _backend!.Put(Buckets.MembersRemoved, KeyOf(id), [.. "removed"u8]);
        }

        if (membership.Version is { } version)
        {
            _backend!.Put(Buckets.Cluster, [.. "clusterVersion"u8], Encoding.ASCII.GetBytes(version.ToString(2) + ".0"));
        }

        Set(_stored with
        {
            Members = membership.Members.ToDictionary(member => member.Id),
            Removed = membership.Removed.ToHashSet(),
            Version = membership.Version ?? _stored.Version,
        });
    }

    /// <summary>Reads everything again after the database was replaced.</summary>
    public void Reload(Backend backend)
    {
        _backend = backend;
        ClusterView before = View;
        Load();
        Changed?.Invoke(before, View);
    }

    /// <summary>
    /// Whether a change may be applied to the present membership; the same answer at every member (spec 04 §8.6). The error is the one that
    /// the proposer's client gets.
    /// </summary>
    public EtcdException? Validate(ConfChange change, out ClusterMember? member, out bool isPromotion)
    {
        ClusterView view = _stored;
        member = null;
        isPromotion = false;
        if (change.Type != ConfChangeType.RemoveNode)
        {
            member = ClusterMember.FromJson(change.Context.Span, out isPromotion);
        }

        ClusterMember? known = view.Members.GetValueOrDefault(change.NodeId);
        if (view.Removed.Contains(change.NodeId))
        {
            return EtcdErrors.MemberNotFound;
        }

        switch (change.Type)
        {
            case ConfChangeType.AddNode when isPromotion:
                return known is null ? EtcdErrors.MemberNotFound : known.IsLearner ? null : EtcdErrors.MemberNotLearner;
            case ConfChangeType.AddNode or ConfChangeType.AddLearnerNode:
                if (known is not null)
                {
                    return EtcdErrors.MemberExists;
                }

                if (UsesUrlOfAnother(view, member!))
                {
                    return EtcdErrors.PeerUrlsExist;
                }

                return change.Type == ConfChangeType.AddLearnerNode && view.Sorted.Count(each => each.IsLearner) >= _maxLearners
                    ? EtcdErrors.TooManyLearners
                    : null;
            case ConfChangeType.RemoveNode:
                return known is null ? EtcdErrors.MemberNotFound : null;
            default:
                return known is null ? EtcdErrors.MemberNotFound : UsesUrlOfAnother(view, member!) ? EtcdErrors.PeerUrlsExist : null;
        }
    }

    /// <summary>Applies a change that was found valid.</summary>
    public void Apply(ConfChange change, ClusterMember? member, bool isPromotion)
    {
        ClusterView view = _stored, before = View;
        var members = new Dictionary<ulong, ClusterMember>(view.Members);
        var removed = new HashSet<ulong>(view.Removed);
        switch (change.Type)
        {
            case ConfChangeType.RemoveNode:
                members.Remove(change.NodeId);
                removed.Add(change.NodeId);
                _backend!.Delete(Buckets.Members, KeyOf(change.NodeId));
                _backend.Put(Buckets.MembersRemoved, KeyOf(change.NodeId), [.. "removed"u8]);
                break;
            case ConfChangeType.UpdateNode:
                members[change.NodeId] = members[change.NodeId] with { PeerUrls = member!.PeerUrls };
                Store(members[change.NodeId]);
                break;
            default:
                members[change.NodeId] = isPromotion
                    ? members[change.NodeId] with { IsLearner = false }
                    : member! with { Id = change.NodeId, IsLearner = change.Type == ConfChangeType.AddLearnerNode };
                Store(members[change.NodeId]);
                break;
        }

        Set(view with { Members = members, Removed = removed });
        Changed?.Invoke(before, View);
    }

    /// <summary>Applies what a member published of itself. A removed member's is skipped.</summary>
    public void SetAttributes(ulong id, string name, IReadOnlyList<string> clientUrls)
    {
        ClusterView view = _stored, before = View;
        if (view.Members.TryGetValue(id, out ClusterMember? member))
        {
            member = member with { Name = name, ClientUrls = clientUrls };
            Store(member);
            Set(view with { Members = new Dictionary<ulong, ClusterMember>(view.Members) { [id] = member } });
            Changed?.Invoke(before, View);
        }
    }

    public void SetVersion(Version version)
    {
        ClusterView view = _stored, before = View;
        _backend!.Put(Buckets.Cluster, [.. "clusterVersion"u8], Encoding.ASCII.GetBytes($"{version.Major}.{version.Minor}.0"));
        Set(view with { Version = new Version(version.Major, version.Minor) });
        Changed?.Invoke(before, View);
    }

    public void SetDowngrade(Version? target)
    {
        ClusterView view = _stored, before = View;
        string json = MemberJson.Object(writer =>
        {
            writer.WriteString("target-version", target is null ? "" : $"{target.Major}.{target.Minor}.0");
            writer.WriteBoolean("enabled", target is not null);
        });
        _backend!.Put(Buckets.Cluster, [.. "downgrade"u8], Encoding.UTF8.GetBytes(json));
        Set(view with { DowngradeTarget = target });
        Changed?.Invoke(before, View);
    }

    private void Load()
    {
        var members = new Dictionary<ulong, ClusterMember>();
        foreach ((_, byte[] value) in _backend!.ReadAll(Buckets.Members))
        {
            ClusterMember member = ClusterMember.FromJson(value);
            members[member.Id] = member;
        }

        HashSet<ulong> removed = [.. _backend.ReadAll(Buckets.MembersRemoved)
            .Select(pair => ulong.Parse(Encoding.ASCII.GetString(pair.Key), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))];
        Version? version = null, target = null;
        foreach ((byte[] key, byte[] value) in _backend.ReadAll(Buckets.Cluster))
        {
            switch (Encoding.ASCII.GetString(key))
            {
                case "clusterVersion":
                    version = EtcdVersion.ParseMinor(Encoding.ASCII.GetString(value));
                    break;
                case "downgrade":
                    using (JsonDocument document = JsonDocument.Parse(value))
                    {
                        target = document.RootElement.TryGetProperty("enabled", out JsonElement enabled) && enabled.GetBoolean()
                            ? EtcdVersion.ParseMinor(MemberJson.String(document.RootElement, "target-version"))
                            : null;
                    }

                    break;
            }
        }

        Set(_stored with { Members = members, Removed = removed, Version = version, DowngradeTarget = target });
    }

    private void Store(ClusterMember member) => _backend!.Put(Buckets.Members, KeyOf(member.Id), member.ToJson());

    private void Set(ClusterView view)
    {
        _stored = view;
        if (_assumed is { } assumed)
        {
            if (view.Members.ContainsKey(_ownId))
            {
                _assumed = null;
            }
            else
            {
                view = view with
                {
                    Members = assumed.Where(member => !view.Removed.Contains(member.Id)).Concat(view.Sorted)
                        .GroupBy(member => member.Id).ToDictionary(same => same.Key, same => same.Last()),
                };
            }
        }

        Volatile.Write(ref _view, view);
    }

    private static bool UsesUrlOfAnother(ClusterView view, ClusterMember member) =>
        view.Sorted.Any(each => each.Id != member.Id && each.PeerUrls.Intersect(member.PeerUrls).Any());

    private static byte[] KeyOf(ulong id) => Encoding.ASCII.GetBytes(id.ToString("x"));
}
