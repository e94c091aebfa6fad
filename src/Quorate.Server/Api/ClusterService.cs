using Grpc.Core;
using Quorate.Protocol;
using Quorate.Server.Hosting;
using Quorate.Server.Membership;

namespace Quorate.Server.Api;

/// <summary>Membership (spec 03 §3). Headers have no revision here.</summary>
internal sealed class ClusterService(ServiceContext services) : Cluster.ClusterBase
{
    public override Task<MemberAddResponse> MemberAdd(MemberAddRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        if (request.PeerURLs.Count == 0 || request.PeerURLs.Any(url => EtcdUrl.Fault(url.Trim()) is not null))
        {
            throw EtcdErrors.MemberUrlsInvalid;
        }

        await services.CheckAdminAsync(context).ConfigureAwait(false);
        ClusterMember added = await services.Member.AddMemberAsync(
            [.. request.PeerURLs.Select(url => url.Trim()).Order(StringComparer.Ordinal)], request.IsLearner,
                context.CancellationToken).ConfigureAwait(false);
        var response = new MemberAddResponse { Header = services.Header(0), Member = Message(added) };
        response.Members.AddRange(All());
        return response;
    });

    public override Task<MemberRemoveResponse> MemberRemove(MemberRemoveRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        await services.Member.RemoveMemberAsync(request.ID, context.CancellationToken).ConfigureAwait(false);
        var response = new MemberRemoveResponse { Header = services.Header(0) };
        response.Members.AddRange(All());
        return response;
    });

    public override Task<MemberUpdateResponse> MemberUpdate(MemberUpdateRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        await services.Member.UpdateMemberAsync(request.ID, [.. request.PeerURLs], context.CancellationToken)
            .ConfigureAwait(false);
        var response = new MemberUpdateResponse { Header = services.Header(0) };
        response.Members.AddRange(All());
        return response;
    });

    public override Task<MemberListResponse> MemberList(MemberListRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        await services.CheckCallerAsync(context).ConfigureAwait(false);
        if (request.Linearizable)
        {
            await services.ReadBarrierAsync(context.CancellationToken).ConfigureAwait(false);
        }

        var response = new MemberListResponse { Header = services.Header(0) };
        response.Members.AddRange(All());
        return response;
    });

    public override Task<MemberPromoteResponse> MemberPromote(MemberPromoteRequest request, ServerCallContext context) =>
        RunAsync(context, async () =>
    {
        await services.CheckAdminAsync(context).ConfigureAwait(false);
        await services.Member.PromoteMemberAsync(request.ID, ServiceContext.TokenOf(context), context.CancellationToken)
            .ConfigureAwait(false);
        var response = new MemberPromoteResponse { Header = services.Header(0) };
        response.Members.AddRange(All());
        return response;
    });

    private IEnumerable<Member> All() => services.Member.Cluster.Sorted.Select(Message);

    private static Member Message(ClusterMember member)
    {
        var message = new Member { ID = member.Id, Name = member.Name, IsLearner = member.IsLearner };
        message.PeerURLs.AddRange(member.PeerUrls);
        message.ClientURLs.AddRange(member.ClientUrls);
        return message;
    }

    private async Task<T> RunAsync<T>(ServerCallContext context, Func<Task<T>> call)
    {
        try
        {
            services.CheckCall(context);
            return await call().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw ServiceContext.Translate(error, context);
        }
    }
}
